"""Contrast, sharpening, crossfade and noise on the device, equal to the CPU functions except for rounding."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pixels, planes


def lookup(picture: Picture, table: torch.Tensor) -> Picture:
    """Map each channel through `table`, float (3, 256), of new grey levels; rounded and clipped to 0..255."""
    levels = table.round().clamp(0, 255).to(torch.uint8)
    channels = [levels[at][picture.pixels[..., at].int()] for at in range(3)]
    return picture.become(torch.stack(channels, dim=-1))


def contrast(picture: Picture, ratio: float) -> Picture:
    """Multiply the differences from middle grey (127.5) by `ratio`; clipped to 0..255."""
    levels = torch.arange(256, dtype=torch.float64, device=picture.device)
    return lookup(picture, ((levels - 127.5) * ratio + 127.5).expand(3, -1))


def sharpen(picture: Picture, amount: float, sigma: float = 1.0) -> Picture:
    """Add `amount` times the difference to a Gaussian blur of `sigma` pixels (unsharp mask); clipped to 0..255."""
    values = planes(picture)
    return picture.become(pixels(values * (1.0 + amount) - blurred(values, sigma) * amount))


def blurred(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """Apply a Gaussian blur to grey levels, float32 (3, height, width), with the rounding of cv2 on 8-bit images.

    cv2 quantises the kernel's weights to 256ths and cuts it off at 3 `sigma`. All sums are whole numbers that
    float32 holds exactly.
    """
    size = round(sigma * 6 + 1) | 1
    weights = [float(weight) for weight in np.rint(cv2.getGaussianKernel(size, sigma).ravel() * 256)]
    height, width = values.shape[1:]
    reach = size // 2
    wide = functional.pad(values[None], (reach,) * 4, mode="reflect")[0]
    nothing = values.new_zeros(())
    rows = sum((wide[:, :, at : at + width] * weight for at, weight in enumerate(weights)), nothing)
    both = sum((rows[:, at : at + height] * weight for at, weight in enumerate(weights)), nothing)
    return (both / sum(weights) ** 2 + 0.5).floor()


def crossfade(old: Picture, new: Picture, weight: float) -> Picture:
    """Blend two images: `old` at weight 0, `new` at weight 1, rounded to the nearest grey level."""
    return new.become(pixels(planes(old) * (1.0 - weight) + planes(new) * weight))


def added(picture: Picture, noise: torch.Tensor) -> Picture:
    """Add `noise`, float32 (height, width, 3) in grey levels, to the image; rounded and clipped to 0..255."""
    return picture.become((picture.pixels + noise).round().clamp(0, 255).to(torch.uint8))
