"""Contrast, sharpening, crossfade, noise and warps for images on the GPU, equal to the CPU's but for rounding.

Noise is drawn on the CPU, one frame ahead, so that a seed gives the same noise everywhere.
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

from animator.diffusion.gpu.image import DeviceImage, copy_to_pinned, from_planes, to_planes
from animator.frame import Frame, Matrix
from animator.imaging.filters import draw_noise
from animator.imaging.warp import (
    HORIZON_SCALE,
    IDENTITY_TOLERANCE,
    REPEATING_BORDERS,
    clamp_coordinate,
    inverse_homography,
)


def look_up(image: DeviceImage, table: torch.Tensor) -> DeviceImage:
    """Map each channel through `table`, float (3, 256), of new grey levels; rounded and clipped to 0..255."""
    levels = table.round().clamp(0, 255).to(torch.uint8)
    channels = [levels[at][image.pixels[..., at].int()] for at in range(3)]
    return image.with_pixels(torch.stack(channels, dim=-1))


def contrast(image: DeviceImage, ratio: float) -> DeviceImage:
    """Multiply the differences from middle grey (127.5) by `ratio`; clipped to 0..255."""
    levels = torch.arange(256, dtype=torch.float64, device=image.device)
    return look_up(image, ((levels - 127.5) * ratio + 127.5).expand(3, -1))


def sharpen(image: DeviceImage, amount: float, sigma: float = 1.0) -> DeviceImage:
    """Add `amount` times the difference to a Gaussian blur of `sigma` pixels (unsharp mask); clipped to 0..255."""
    values = to_planes(image)
    return image.with_pixels(from_planes(values * (1.0 + amount) - gaussian_blur(values, sigma) * amount))


def gaussian_blur(values: torch.Tensor, sigma: float) -> torch.Tensor:
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


def crossfade(old: DeviceImage, new: DeviceImage, weight: float) -> DeviceImage:
    """Blend two images: `old` at weight 0, `new` at weight 1, rounded to the nearest grey level."""
    return new.with_pixels(from_planes(to_planes(old) * (1.0 - weight) + to_planes(new) * weight))


def add_values(image: DeviceImage, noise: torch.Tensor) -> DeviceImage:
    """Add `noise`, float32 (height, width, 3) in grey levels, to the image; rounded and clipped to 0..255."""
    return image.with_pixels((image.pixels + noise).round().clamp(0, 255).to(torch.uint8))


# Border mode → torch's padding mode; torch has no "wrap", which is padded by hand below.
_PADDING_MODES = {"replicate": "border", "reflect": "reflection", "wrap": "border", "black": "zeros"}

_REACH = 2  # pixels that the cubic filter reads on either side of a position


def warp(image: DeviceImage, matrix: Matrix, border: str = "replicate") -> DeviceImage:
    """Warp the image by `matrix` (3, 3, source to target pixels), resampled once with a cubic filter.

    `border` fills the uncovered edge: "replicate", "reflect", "wrap" or "black". Returns the identical image
    if the matrix is the identity.
    """
    if np.abs(matrix - np.eye(3)).max() < IDENTITY_TOLERANCE:
        return image
    height, width = image.shape[:2]
    fold = REPEATING_BORDERS.get(border, clamp_coordinate)
    across, down = _source_coordinates(matrix, height, width, image.device)
    x, y = fold(across, width), fold(down, height)
    values = to_planes(image)[None]
    if border == "wrap":
        x, y = x + _REACH, y + _REACH
        height, width = height + 2 * _REACH, width + 2 * _REACH
        values = functional.pad(values, (_REACH,) * 4, mode="circular")
    # grid_sample's coordinates: -1 at the outer edge of the first pixel, 1 at that of the last.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)[None].float()
    moved = functional.grid_sample(
        values, grid, mode="bicubic", padding_mode=_PADDING_MODES[border], align_corners=False
    )
    return image.with_pixels(from_planes(moved[0]))


def _source_coordinates(
    matrix: Matrix, height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the source coordinates of each pixel, float64 (height, width) in pixels: across and down."""
    u = torch.arange(width, dtype=torch.float64, device=device)[None, :]
    v = torch.arange(height, dtype=torch.float64, device=device)[:, None]
    flat = np.abs(matrix[2, :2]).max() * max(width, height) < IDENTITY_TOLERANCE
    back = np.linalg.inv(matrix / matrix[2, 2]) if flat else inverse_homography(matrix)
    # The matrix entries are passed as scalars, so that nothing is copied and the device is not waited for.
    across, down, scale = (u * float(a) + (v * float(b) + float(c)) for a, b, c in back)
    if flat:
        return across, down
    scale = scale.clamp(min=float(HORIZON_SCALE * np.abs(back).max()))
    return across / scale, down / scale


class NoiseRequest(NamedTuple):
    """Parameters of one noise image, besides its shape and kind."""

    amount: float
    seed: int


class PrefetchedNoise:
    """The `add_noise` function for `frames`; a thread draws the noise of the next frame while the GPU paints.

    Other frames, or frames out of order, also get the correct noise, but it is drawn only when it is needed.
    """

    def __init__(self, frames: Iterable[Frame], device: torch.device) -> None:
        draws = [NoiseRequest(f.grade.noise, f.seed) for f in frames if f.diffuse and f.grade.noise]
        self._next_requests = dict(pairwise(draws))
        self._device = device
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="animator-noise")
        self._prefetched: tuple[NoiseRequest, Future[torch.Tensor]] | None = None

    def __call__(self, image: DeviceImage, amount: float, seed: int, clouds: bool = False) -> DeviceImage:
        """Add Gaussian noise of deviation 127.5 * `amount` grey levels, scaled by Perlin noise if `clouds`."""
        wanted, shape, coming = NoiseRequest(amount, seed), image.shape, self._prefetched
        foreseen = coming is not None and coming[0] == wanted
        noise = coming[1] if coming is not None and foreseen else self._submit(wanted, shape, clouds)
        following = self._next_requests.get(wanted)
        self._prefetched = None if following is None else (following, self._submit(following, shape, clouds))
        return add_values(image, noise.result().to(self._device, non_blocking=True))

    def _submit(self, wanted: NoiseRequest, shape: tuple[int, ...], clouds: bool) -> Future[torch.Tensor]:
        return self._thread.submit(lambda: copy_to_pinned(draw_noise(shape, *wanted, clouds), self._device))
