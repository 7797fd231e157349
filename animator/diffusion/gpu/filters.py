"""Contrast, sharpness, crossfade and noise on the device: the functions of pixels/ of the same names."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pixels, planes


def lookup(picture: Picture, table: torch.Tensor) -> Picture:
    """`picture` with each of its colours looked up in `table`, float (3, 256), which gives grey levels."""
    levels = table.round().clamp(0, 255).to(torch.uint8)
    channels = [levels[at][picture.pixels[..., at].int()] for at in range(3)]
    return picture.become(torch.stack(channels, dim=-1))


def contrast(picture: Picture, ratio: float) -> Picture:
    """`picture` with differences from middle grey multiplied by `ratio`; clipped to 0..255."""
    levels = torch.arange(256, dtype=torch.float64, device=picture.device)
    return lookup(picture, ((levels - 127.5) * ratio + 127.5).expand(3, -1))


def sharpen(picture: Picture, amount: float, sigma: float = 1.0) -> Picture:
    """`picture` plus `amount` times what a Gaussian blur of `sigma` pixels takes away; clipped to 0..255."""
    values = planes(picture)
    return picture.become(pixels(values * (1.0 + amount) - blurred(values, sigma) * amount))


def blurred(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """Grey levels (3, height, width), blurred and rounded as cv2 does: in whole numbers, which float32 holds.

    cv2 counts the weights of 8-bit pictures in 256ths, and looks 3 `sigma` far.
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
    """`old` at weight 0, `new` at weight 1, rounded to the nearest grey level between."""
    return new.become(pixels(planes(old) * (1.0 - weight) + planes(new) * weight))


def added(picture: Picture, noise: torch.Tensor) -> Picture:
    """`picture` plus `noise`, float32 (height, width, 3) grey levels; clipped to 0..255."""
    return picture.become((picture.pixels + noise).round().clamp(0, 255).to(torch.uint8))
