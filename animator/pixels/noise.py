"""White noise, and white noise in clouds (modulated by Perlin noise), as Deforum names them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]

CELLS = 8  # Perlin cells along each side in the first octave: Deforum's default
OCTAVES = 4
PERSISTENCE = 0.5  # how much less each finer octave counts
_DETAIL = 4  # places computed along the side of each cell; between them a cubic is as good
_FULL = 256  # the field as a whole number, so that it multiplies noise in 16 bits


def add_noise(image: Image, amount: float, seed: int, clouds: bool = False) -> Image:
    """`image` plus Gaussian noise of mean 0 and deviation 127.5 * `amount` grey levels, clipped to 0..255.

    The mean is 0 so that noise, frame after frame, pulls no picture towards grey, as Deforum's blend does.
    """
    noise = _white(image.shape, 127.5 * amount, seed)
    if clouds:
        field = perlin(image.shape[0], image.shape[1], seed)
        part = cv2.addWeighted(field, _FULL / 2, field, 0.0, _FULL / 2, dtype=cv2.CV_16S)
        cv2.multiply(noise, cv2.merge([part, part, part]), dst=noise, scale=1 / _FULL)
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)


def _white(shape: tuple[int, ...], deviation: float, seed: int) -> NDArray[np.int16]:
    # cv2's generator belongs to the calling thread, is three times as fast as numpy's, and takes a signed seed.
    cv2.setRNGSeed(seed - 2**32 if seed >= 2**31 else seed)
    noise = cv2.randn(np.empty(shape, np.int16), np.zeros(3), np.full(3, deviation))
    return np.asarray(noise, dtype=np.int16)


def perlin(height: int, width: int, seed: int) -> Floats:
    """Perlin's gradient noise (1985; with the fade of 2002), float32 (height, width), about -1..1.

    Each octave is computed on a few places to the cell and enlarged: it is smooth between them.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    total: Floats = np.zeros((height, width), np.float32)
    for octave in range(OCTAVES):
        cells = CELLS * 2**octave
        small = _octave((min(height, cells * _DETAIL), min(width, cells * _DETAIL)), cells, random)
        large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        cv2.scaleAdd(large, PERSISTENCE**octave, total, dst=total)
    scale = sum(PERSISTENCE**octave for octave in range(OCTAVES)) / np.sqrt(2.0)
    return np.asarray(total * np.float32(1 / scale), np.float32)


def _octave(shape: tuple[int, int], cells: int, random: np.random.Generator) -> Floats:
    angle = random.uniform(0, 2 * np.pi, (cells + 1, cells + 1)).astype(np.float32)
    slope_x, slope_y = np.cos(angle), np.sin(angle)
    (row, y, fade_y), (column, x, fade_x) = (_axis(size, cells) for size in shape)

    def corner(down: int, right: int) -> Floats:
        at = np.ix_(row + down, column + right)
        return np.asarray(
            slope_x[at] * (x - right)[None, :] + slope_y[at] * (y - down)[:, None], dtype=np.float32
        )

    top = corner(0, 0) + fade_x * (corner(0, 1) - corner(0, 0))
    bottom = corner(1, 0) + fade_x * (corner(1, 1) - corner(1, 0))
    return np.asarray(top + fade_y[:, None] * (bottom - top), dtype=np.float32)


def _axis(size: int, cells: int) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Per pixel: its cell, its place 0..1 in the cell, and the faded place."""
    at = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(cells / size)
    cell = np.minimum(at.astype(np.intp), cells - 1)
    place = (at - cell).astype(np.float32)
    return cell, place, place**3 * (place * (place * 6 - 15) + 10)
