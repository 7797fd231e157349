"""Into a pipeline and out of it without leaving the device: as diffusion/pictures.py does with arrays, bit for bit."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pixels, planes
from animator.diffusion.images import whole


def given(picture: Picture, grain: int) -> torch.Tensor:
    """`picture` as an autoencoder takes it: float32 (1, 3, height, width), -1..1, padded to multiples of `grain`."""
    height, width = picture.shape[:2]
    down, right = (whole(side, grain) - side for side in (height, width))
    values = planes(picture)[None]
    if down or right:
        values = functional.pad(values, (0, right, 0, down), mode="replicate")
    # As diffusers lays out a picture given as an array: in another order sums are rounded differently.
    return (values.to(memory_format=torch.channels_last) / 255.0) * 2.0 - 1.0


def encoded(pipe: Any, values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The latents of `values`: given those, an img2img pipeline looks at no picture, for which it would wait.

    They are drawn from `generator` as the pipeline itself does, so that the noise after them is the same, too.
    """
    device, dtype = pipe._execution_device, pipe.unet.dtype
    latents: torch.Tensor = pipe.prepare_latents(
        values, None, 1, 1, dtype, device, generator, add_noise=False
    )
    return latents


def finished(
    painted: torch.Tensor, index: int, size: tuple[int, int], start: Picture | None = None
) -> Picture:
    """What a pipeline painted for frame `index` over `start`, (1, 3, h, w), 0..1; cropped to `size`."""
    height, width = size
    values = painted[0, :, :height, :width].float()
    before = None if start is None else start.spoilt
    now = torch.full((1,), index, dtype=torch.int32, device=values.device)
    sound = torch.full_like(now, -1) if before is None else before
    broken = ~torch.isfinite(values).all() & (sound < 0)
    return Picture(pixels(values * 255.0), torch.where(broken, now, sound))
