"""Interpolation of `ease: smooth`: a monotone cubic through all keys, which never overshoots them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def slopes(at: Floats, values: Floats) -> Floats:
    """Return the slope at each key, per frame, that makes the cubic between keys monotone (Fritsch & Butland 1984).

    `at` are the keys' frames in order, `values` their values. The slope is 0 at a maximum, a minimum, and at the first
    and last key.
    """
    result = np.zeros(len(at))
    if len(at) < 3:
        return result
    width = np.diff(at)
    rise = np.diff(values) / width
    same = rise[:-1] * rise[1:] > 0
    left, right = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (left + right) / (left / rise[:-1] + right / rise[1:])
    result[1:-1] = np.where(same, mean, 0.0)
    return result


def hermite(part: Floats, width: float, ends: tuple[float, float], slope: tuple[float, float]) -> Floats:
    """Return the Hermite cubic between keys `width` frames apart, at `part` (0..1), from both values and slopes."""
    square, cube = part**2, part**3
    return np.asarray(
        (2 * cube - 3 * square + 1) * ends[0]
        + (cube - 2 * square + part) * width * slope[0]
        + (3 * square - 2 * cube) * ends[1]
        + (cube - square) * width * slope[1],
        dtype=np.float64,
    )
