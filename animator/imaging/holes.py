"""Fill holes from the far side: pixels that a near surface has uncovered belong to the surface behind it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

MARGIN = 48  # pixels around the holes that influence their colours
LEAST = 1e-3  # least disparity: a surface at a thousand times the reference plane's distance
COARSE = 8  # pixels: size of the squares in which the backdrop is searched for
WIDE = 0.7  # of the image's width: wider surfaces are backdrop
LEVEL = 0.02  # of a disparity: surfaces with a smaller difference count as one
LITTLE = 1e-5  # weight of pixels that are not backdrop
DOUBT = 0.003  # weight of coarser levels against a level's own values


def backdrop(disparity: Floats) -> Floats:
    """Return the weight of each pixel as backdrop, float32 (height, width): 1 for the far side, near 0 in front of it.

    The far side of each row is its disparity after a morphological opening that removes all surfaces narrower than
    0.7 of the row. `disparity` must have no holes.
    """
    height, width = disparity.shape
    size = (max(1, width // COARSE), max(1, height // COARSE))
    kernel = np.ones((1, 2 * (round(size[0] * WIDE) // 2) + 1), np.uint8)
    few = cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST)
    behind = cv2.resize(cv2.morphologyEx(few, cv2.MORPH_OPEN, kernel), (width, height))
    return np.asarray(np.clip((behind - disparity) / (LEVEL * behind) + 2, LITTLE, 1), np.float32)


def deepened(surface: Floats, holes: Flags, weight: Floats) -> Floats:
    """Return the disparity map `surface` with its holes at the level of the far side, given by `weight` 0..1."""
    if not holes.any() or holes.all():
        return np.where(holes, np.float32(1.0), surface)
    weight = np.where(holes, np.float32(0), weight)
    wall = _wall(surface, weight)
    spread = _spread(((surface - wall) * weight)[..., None], weight)[..., 0] + wall
    return np.where(holes, np.maximum(spread, np.float32(LEAST)), surface)


def _wall(surface: Floats, weight: Floats) -> Floats:
    """Return the plane through the far side: disparity is linear in x and y on it, also where it is unknown."""
    height, width = surface.shape
    step = max(1, max(height, width) // 64)
    x, y = np.arange(width, dtype=np.float32) / width, np.arange(height, dtype=np.float32) / height
    across, down = np.meshgrid(x[::step], y[::step])
    few, known = weight[::step, ::step].ravel(), surface[::step, ::step].ravel()
    design = np.stack([np.ones_like(known), across.ravel(), down.ravel()], -1)
    level, right, below = np.linalg.lstsq(design * few[:, None], known * few, rcond=None)[0]
    return np.asarray(right * x[None, :] + (below * y[:, None] + level), np.float32)


def filled(image: Image, holes: Flags, surface: Floats, weight: Floats) -> Image:
    """Return `image` with its holes in the colours of the far side around them.

    `surface` is the disparity of `image`, and `weight` (0..1) the weight of each pixel as far side.
    """
    if not holes.any() or holes.all():
        return image
    holes = _widened(holes, surface)
    rows, columns = (_around(np.flatnonzero(holes.any(axis)), holes.shape[1 - axis]) for axis in (1, 0))
    part, bare = image[rows, columns], holes[rows, columns]
    known = np.where(bare, np.float32(0), weight[rows, columns])
    spread = _spread(np.asarray(part * known[..., None], np.float32), known)
    result = image.copy()
    result[rows, columns] = np.where(bare[..., None], np.clip(np.rint(spread), 0, 255), part)
    return result


def _widened(holes: Flags, surface: Floats) -> Flags:
    """Return the holes and the far pixels beside them, into which the image mixes colours of the near side."""
    kernel = np.ones((5, 5), np.uint8)
    near, far = cv2.dilate(surface, kernel), cv2.erode(surface, kernel)
    return np.asarray(holes | ((cv2.dilate(holes.astype(np.uint8), kernel) > 0) & (surface * 2 < near + far)))


def _around(at: NDArray[np.intp], size: int) -> slice:
    """Return the slice from the first to the last index of `at`, with a margin, inside `size`."""
    return slice(max(int(at[0]) - MARGIN, 0), min(int(at[-1]) + MARGIN + 1, size))


def _spread(weighted: Floats, weight: Floats) -> Floats:
    """Return values for all pixels from weighted ones, as averages over the smallest squares that have any weight.

    `weighted` (height, width, channels) is already multiplied by `weight` (height, width).
    """
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
