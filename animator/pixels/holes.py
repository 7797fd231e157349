"""Holes filled from the far side: what a near surface has left free belongs to what lay behind it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

MARGIN = 48  # pixels around the holes that have a say in their colours
DOUBT = 0.01  # weight of what coarser levels say against what a level knows itself


def deepened(surface: Floats, holes: Flags) -> Floats:
    """A disparity map with its holes on the far side's level."""
    if not holes.any() or holes.all():
        return np.where(holes, np.float32(1.0), surface)
    spread = _spread((surface * (weight := _farness(surface, holes)))[..., None], weight)
    return np.where(holes, spread[..., 0], surface)


def filled(image: Image, holes: Flags, surface: Floats) -> Image:
    """`image` with its holes in the colours of the far side around them; `surface` is its disparity."""
    if not holes.any() or holes.all():
        return image
    holes = _widened(holes, surface)
    rows, columns = (_around(np.flatnonzero(holes.any(axis)), holes.shape[1 - axis]) for axis in (1, 0))
    part, bare = image[rows, columns], holes[rows, columns]
    weight = _farness(surface[rows, columns], bare)
    spread = _spread(part * weight[..., None], weight)
    result = image.copy()
    result[rows, columns] = np.where(bare[..., None], np.rint(spread), part)
    return result


def _widened(holes: Flags, surface: Floats) -> Flags:
    """Holes, and the far side's pixels beside them, in which a picture mixes in the colours of the near side."""
    kernel = np.ones((5, 5), np.uint8)
    near, far = cv2.dilate(surface, kernel), cv2.erode(surface, kernel)
    return np.asarray(holes | ((cv2.dilate(holes.astype(np.uint8), kernel) > 0) & (surface * 2 < near + far)))


def _around(at: NDArray[np.intp], size: int) -> slice:
    return slice(max(int(at[0]) - MARGIN, 0), min(int(at[-1]) + MARGIN + 1, size))


def _farness(surface: Floats, holes: Flags) -> Floats:
    """1 for the farthest surface, next to nothing for the nearest, 0 for holes."""
    known = surface[~holes]
    if not known.size:
        return np.zeros_like(surface)
    low, high = float(known.min()), float(known.max())
    weight = np.minimum((high - surface) * np.float32(1 / max(high - low, 1e-3)), np.float32(1))
    for _ in range(3):  # to the 8th power
        weight *= weight
    weight += np.float32(1e-4)
    weight[holes] = 0
    return np.asarray(weight, np.float32)


def _spread(weighted: Floats, weight: Floats) -> Floats:
    """Values everywhere from weighted ones: averages over larger and larger squares, the finest that know any."""
    height, width = weight.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse: Floats = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    smaller = cv2.resize(weighted, half, interpolation=cv2.INTER_AREA)
    values: Floats = np.asarray(smaller, np.float32).reshape(*coarse.shape, -1)
    if max(half) > 1:
        values += np.float32(DOUBT) * _spread(values.copy(), coarse)
        coarse += np.float32(DOUBT)
    values /= np.maximum(coarse, np.float32(1e-12))[..., None]
    large = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32).reshape(height, width, -1)
