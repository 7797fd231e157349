"""Filters, warp, noise on device.

Contrast, sharpening, crossfade and noise on the device, equal to the CPU functions except for rounding.

Warp of an image by a matrix on its device, resampled once with the cubic filter of the CPU version.

Noise for images on a device, drawn on the CPU one frame ahead, so that a seed gives the same noise everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.nn import functional

from animator.diffusion.gpu.image import Picture, pinned, pixels, planes
from animator.frame import Frame, Matrix
from animator.imaging.filters import drawn
from animator.imaging.warp import FOLDED, HORIZON, STILL, backwards, kept


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


# Border mode → torch's padding mode; torch has no "wrap", which is padded by hand below.
_PADDING = {"replicate": "border", "reflect": "reflection", "wrap": "border", "black": "zeros"}

_REACH = 2  # pixels that the cubic filter reads on either side of a position


def warp(picture: Picture, matrix: Matrix, border: str = "replicate") -> Picture:
    """Warp the image by `matrix` (3, 3, source to target pixels), resampled once with a cubic filter.

    `border` fills the uncovered edge: "replicate", "reflect", "wrap" or "black". Returns the identical image
    if the matrix is the identity.
    """
    if np.abs(matrix - np.eye(3)).max() < STILL:
        return picture
    height, width = picture.shape[:2]
    fold = FOLDED.get(border, kept)
    across, down = _places(matrix, height, width, picture.device)
    x, y = fold(across, width), fold(down, height)
    values = planes(picture)[None]
    if border == "wrap":
        x, y = x + _REACH, y + _REACH
        height, width = height + 2 * _REACH, width + 2 * _REACH
        values = functional.pad(values, (_REACH,) * 4, mode="circular")
    # grid_sample's coordinates: -1 at the outer edge of the first pixel, 1 at that of the last.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None].float()
    moved = functional.grid_sample(
        values, grid, mode="bicubic", padding_mode=_PADDING[border], align_corners=False
    )
    return picture.become(pixels(moved[0]))


def _places(
    matrix: Matrix, height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the source coordinates of each pixel, float64 (height, width) in pixels: across and down."""
    u = torch.arange(width, dtype=torch.float64, device=device)[None, :]
    v = torch.arange(height, dtype=torch.float64, device=device)[:, None]
    flat = np.abs(matrix[2, :2]).max() * max(width, height) < STILL
    back = np.linalg.inv(matrix / matrix[2, 2]) if flat else backwards(matrix)
    # The matrix entries are passed as scalars, so that nothing is copied and the device is not waited for.
    across, down, scale = (u * float(a) + (v * float(b) + float(c)) for a, b, c in back)
    if flat:
        return across, down
    scale = scale.clamp(min=float(HORIZON * np.abs(back).max()))
    return across / scale, down / scale


class Draw(NamedTuple):
    """Parameters of one noise image, besides its shape and kind."""

    amount: float
    seed: int


class Ahead:
    """The `add_noise` function for `frames`; a thread draws the noise of the next frame while the GPU paints.

    Other frames, or frames out of order, also get the correct noise, but it is drawn only when it is needed.
    """

    def __init__(self, frames: Iterable[Frame], device: torch.device) -> None:
        draws = [Draw(f.grade.noise, f.seed) for f in frames if f.diffuse and f.grade.noise]
        self._following = dict(pairwise(draws))
        self._device = device
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="animator-noise")
        self._coming: tuple[Draw, Future[torch.Tensor]] | None = None

    def __call__(self, picture: Picture, amount: float, seed: int, clouds: bool = False) -> Picture:
        """Add Gaussian noise of deviation 127.5 * `amount` grey levels, scaled by Perlin noise if `clouds`."""
        wanted, shape, coming = Draw(amount, seed), picture.shape, self._coming
        foreseen = coming is not None and coming[0] == wanted
        noise = coming[1] if coming is not None and foreseen else self._drawn(wanted, shape, clouds)
        following = self._following.get(wanted)
        self._coming = None if following is None else (following, self._drawn(following, shape, clouds))
        return added(picture, noise.result().to(self._device, non_blocking=True))

    def _drawn(self, wanted: Draw, shape: tuple[int, ...], clouds: bool) -> Future[torch.Tensor]:
        return self._thread.submit(lambda: pinned(drawn(shape, *wanted, clouds), self._device))
