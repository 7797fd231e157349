"""Conversion of RGB images, on the host or on the device, to the tensors of a pipeline and back.

Images are padded to whole latents. Both ways give the same bits.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from animator.diffusion.gpu.image import DeviceImage, from_planes, nan_error, to_planes
from animator.frame import Image


def round_up(side: int, multiple: int) -> int:
    """Return `side`, in pixels, rounded up to a multiple of `multiple`."""
    return -(-side // multiple) * multiple


def pad_to_multiple(image: Any, multiple: int) -> Any:
    """Return an image or a mask with its sides padded to multiples of `multiple` by repeating the edge pixels."""
    down, right = (round_up(side, multiple) - side for side in image.shape[:2])
    if not down and not right:
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)


def to_pipeline(image: Image, multiple: int) -> NDArray[np.float32]:
    """Return an image for pipelines: float32 (1, height, width, 3), 0..1, padded to multiples of `multiple`."""
    floats: NDArray[np.float32] = pad_to_multiple(image, multiple)[None].astype(np.float32, order="C")
    return floats / np.float32(255.0)


def from_pipeline(painted: NDArray[np.float32], index: int) -> Image:
    """Return the pipeline's output for frame `index`, floats (height, width, 3) in 0..1, as a uint8 image.

    Raises ModelError if any value is NaN or infinite.
    """
    if not np.isfinite(painted).all():
        raise nan_error(index)
    # C order, as images read from disk: torch's sums of the same numbers depend on the memory layout.
    image: Image = np.rint(painted * 255.0).astype(np.uint8, order="C")
    return image


def to_pipeline_tensor(image: DeviceImage, multiple: int) -> torch.Tensor:
    """Return the image for the VAE: float32 (1, 3, height, width), -1..1, padded to multiples of `multiple`."""
    height, width = image.shape[:2]
    down, right = (round_up(side, multiple) - side for side in (height, width))
    values = to_planes(image)[None]
    if down or right:
        values = functional.pad(values, (0, right, 0, down), mode="replicate")
    # The memory layout that diffusers produces from an array: with another one, sums are rounded differently.
    return (values.to(memory_format=torch.channels_last) / 255.0) * 2.0 - 1.0


def encode_latents(pipe: Any, values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Encode `values`, an image as the VAE expects it, into latents.

    An img2img pipeline that receives latents skips its check of the image, which would wait for the device.
    The latents are drawn from `generator` as the pipeline draws them, so that the noise drawn afterwards is
    equal too.
    """
    device, dtype = pipe._execution_device, pipe.unet.dtype
    latents: torch.Tensor = pipe.prepare_latents(
        values, None, 1, 1, dtype, device, generator, add_noise=False
    )
    return latents


def from_pipeline_tensor(
    painted: torch.Tensor, index: int, size: tuple[int, int], start: DeviceImage | None = None
) -> DeviceImage:
    """Return the pipeline's output for frame `index`, (1, 3, h, w) in 0..1, as an image cropped to `size` (h, w).

    The image records `index` if its pixels are NaN, or the first NaN frame already recorded in `start`.
    """
    height, width = size
    values = painted[0, :, :height, :width].float()
    before = None if start is None else start.nan_frame
    now = torch.full((1,), index, dtype=torch.int32, device=values.device)
    sound = torch.full_like(now, -1) if before is None else before
    broken = ~torch.isfinite(values).all() & (sound < 0)
    return DeviceImage(from_planes(values * 255.0), torch.where(broken, now, sound))
