"""Conversion between images on the device and a pipeline's tensors, bit for bit equal to that of host images."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pixels, planes
from animator.diffusion.images import whole


def given(picture: Picture, grain: int) -> torch.Tensor:
    """Return the image as the VAE expects it: float32 (1, 3, height, width), -1..1, padded to multiples of `grain`."""
    height, width = picture.shape[:2]
    down, right = (whole(side, grain) - side for side in (height, width))
    values = planes(picture)[None]
    if down or right:
        values = functional.pad(values, (0, right, 0, down), mode="replicate")
    # The memory layout that diffusers produces from an array: with another one, sums are rounded differently.
    return (values.to(memory_format=torch.channels_last) / 255.0) * 2.0 - 1.0


def encoded(pipe: Any, values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
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


def finished(
    painted: torch.Tensor, index: int, size: tuple[int, int], start: Picture | None = None
) -> Picture:
    """Return the pipeline's output for frame `index`, (1, 3, h, w) in 0..1, as an image cropped to `size` (h, w).

    The image records `index` if its pixels are NaN, or the first NaN frame already recorded in `start`.
    """
    height, width = size
    values = painted[0, :, :height, :width].float()
    before = None if start is None else start.spoilt
    now = torch.full((1,), index, dtype=torch.int32, device=values.device)
    sound = torch.full_like(now, -1) if before is None else before
    broken = ~torch.isfinite(values).all() & (sound < 0)
    return Picture(pixels(values * 255.0), torch.where(broken, now, sound))
