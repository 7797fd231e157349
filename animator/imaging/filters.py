"""Simple filters of images: crossfade, sharpening, noise, and the edge and depth hints for ControlNets.

Noise is white, or white in clouds (modulated by Perlin noise): the two noise types of Deforum.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]


PERLIN_CELLS = 8  # Perlin cells along each side in the first octave, as Deforum's default

PERLIN_OCTAVES = 4

PERLIN_PERSISTENCE = 0.5  # amplitude of each octave relative to the coarser one

PERLIN_DETAIL = 4  # samples along the side of each cell; cubic interpolation between them is as good as more


def add_noise(image: Image, amount: float, seed: int, clouds: bool = False) -> Image:
    """Return `image` plus Gaussian noise of mean 0 and deviation 127.5 * `amount` grey levels, clipped to 0..255.

    With `clouds` the noise is modulated by Perlin noise. Its mean is 0, so that noise in frame after frame does not
    pull images towards grey, as Deforum's blend does.
    """
    noise: Any = draw_noise(image.shape, amount, seed, clouds)
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)


def draw_noise(shape: tuple[int, ...], amount: float, seed: int, clouds: bool = False) -> Floats:
    """Return the noise that `add_noise` adds to an image of `shape`, in grey levels: float32 (height, width, 3)."""
    noise = _white_noise(shape, 127.5 * amount, seed)
    if clouds:
        field = (perlin_noise(shape[0], shape[1], seed) + np.float32(1)) / np.float32(2)
        noise = cv2.multiply(noise, cv2.merge([field, field, field]))
    return np.asarray(noise, np.float32)


def _white_noise(shape: tuple[int, ...], deviation: float, seed: int) -> Any:
    """Return Gaussian noise of mean 0, float32 of `shape`."""
    # cv2's generator is local to the thread, three times as fast as numpy's, and takes a signed seed.
    cv2.setRNGSeed(seed - 2**32 if seed >= 2**31 else seed)
    flat = np.empty((shape[0], shape[1] * 3), np.float32)  # one channel is faster than three
    return np.asarray(cv2.randn(flat, np.zeros(1), np.full(1, deviation))).reshape(shape)


def perlin_noise(height: int, width: int, seed: int, detail: int = PERLIN_DETAIL) -> Floats:
    """Return Perlin's gradient noise (1985; with the fade of 2002), float32 (height, width), about -1..1.

    It is computed at `detail` samples per cell of the finest octave and enlarged, since it is smooth between them.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    most = PERLIN_CELLS * 2 ** (PERLIN_OCTAVES - 1) * detail
    total: Floats = np.zeros((min(height, most), min(width, most)), np.float32)
    for octave in range(PERLIN_OCTAVES):
        total += np.float32(PERLIN_PERSISTENCE**octave) * _octave(
            total.shape, PERLIN_CELLS * 2**octave, random
        )
    total *= np.float32(np.sqrt(2.0) / sum(PERLIN_PERSISTENCE**octave for octave in range(PERLIN_OCTAVES)))
    return np.asarray(cv2.resize(total, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _octave(shape: tuple[int, ...], cells: int, random: np.random.Generator) -> Floats:
    """Return one octave of gradient noise with `cells` along each side, as two matrix products."""
    angle = random.uniform(0, 2 * np.pi, (cells + 1, cells + 1)).astype(np.float32)
    (down, far_down), (right, far_right) = (_axis(size, cells) for size in shape)
    return np.asarray(down @ np.cos(angle) @ far_right.T + far_down @ np.sin(angle) @ right.T, np.float32)


def _axis(size: int, cells: int) -> tuple[Floats, Floats]:
    """Return two arrays (size, cells + 1): each corner's weight at each pixel, and that times its offset in cells."""
    at = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(cells / size)
    way = at[:, None] - np.arange(cells + 1, dtype=np.float32)
    near = 1 - np.minimum(np.abs(way), 1)
    weight = near**3 * (near * (near * 6 - 15) + 10)
    return weight, weight * way


def crossfade(old: Image, new: Image, weight: float) -> Image:
    """Return the weighted mean of two images: `old` at weight 0, `new` at weight 1, rounded to whole grey levels."""
    return np.asarray(cv2.addWeighted(old, 1.0 - weight, new, weight, 0.0), dtype=np.uint8)


def sharpen(image: Image, amount: float, sigma: float = 1.0) -> Image:
    """Return `image` plus `amount` times its difference from a Gaussian blur of `sigma` pixels; clipped to 0..255."""
    blurred = cv2.GaussianBlur(image, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(image, 1.0 + amount, blurred, -amount, 0.0), dtype=np.uint8)


def canny_hint(image: Image, low: float, high: float) -> Image:
    """Return the Canny edges of `image`, white on black, RGB uint8.

    Gradients from `high` on start an edge, gradients from `low` on continue it.
    """
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), low, high)
    return _grey_to_rgb(np.asarray(edges, np.uint8))


def depth_hint(disparity: NDArray[np.float32]) -> Image:
    """Return numbers (h, w) of any scale that grow with nearness as an RGB image: black farthest, white nearest."""
    far, near = float(disparity.min()), float(disparity.max())
    unit = (disparity - far) / max(near - far, 1e-6)
    return _grey_to_rgb(np.rint(unit * 255.0).astype(np.uint8))


def _grey_to_rgb(grey: NDArray[np.uint8]) -> Image:
    return np.repeat(grey[..., None], 3, axis=-1)
