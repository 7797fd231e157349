"""Depth reprojection: an image with depth seen from another pose, and the filling of the holes that opens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Matrix
from animator.imaging.geometry import Lens
from animator.imaging.warp import BORDERS, IDENTITY_TOLERANCE, MAX_COORDINATE

Floats = NDArray[np.float32]


NEAR_LIMIT = 1e-3  # of the focal length: points nearer to the camera are hidden


MAX_GAP = 3.0  # pixels: distance between former neighbours beyond which depth is collected in larger squares


@dataclass(frozen=True, eq=False)
class DepthView:
    """An image and the disparity of its pixels: focal length over distance, 1 on the reference plane."""

    image: Image
    disparity: Floats
    lens: Lens

    @cached_property
    def backdrop(self) -> Floats:
        """Weight of each pixel as a source for filling holes, 0..1: see `backdrop_weight`."""
        return backdrop_weight(self.disparity)

    def render(self, pose: Matrix, border: str = "replicate", pixels: Image | None = None) -> Image:
        """Return the image, or other `pixels` of the same depth, after points have moved by `pose`.

        Returns the same array, not a copy, if the pose is the identity.
        """
        image = self.image if pixels is None else pixels
        if np.abs(pose - np.eye(4)).max() < IDENTITY_TOLERANCE:
            return image
        x, y, bared, surface = self.source_positions(pose)
        moved = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=BORDERS[border])
        return fill_holes(np.asarray(moved, np.uint8), bared, surface, self._backdrop_at(x, y))

    def source_positions(self, pose: Matrix) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
        """Return each target pixel's source position (x and y), a flag that it was hidden, and its disparity."""
        surface = forward_disparity(self.disparity, pose, self.lens)
        holes = surface == 0
        back = np.asarray(np.linalg.inv(pose), np.float64)
        if holes.any():
            x, y, _ = project(np.where(holes, np.float32(1), surface), back, self.lens)
            surface = fill_disparity(surface, holes, self._backdrop_at(x, y))
        x, y, _ = project(surface, back, self.lens)
        np.clip(x, -MAX_COORDINATE, MAX_COORDINATE, out=x)
        np.clip(y, -MAX_COORDINATE, MAX_COORDINATE, out=y)
        height, width = self.disparity.shape
        # Beyond the image's edge the border mode fills; a hole inside the image was hidden by a near surface.
        bared = holes & (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
        return x, y, bared, surface

    def _backdrop_at(self, x: Floats, y: Floats) -> Floats:
        """Return the backdrop's weight at positions (x, y) of the image."""
        at = cv2.remap(self.backdrop, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(at, np.float32)


def project(disparity: Floats, pose: Matrix, lens: Lens) -> tuple[Floats, Floats, Floats]:
    """Return the positions x and y to which `pose` moves pixels with that disparity, and their disparity there.

    Points behind the camera get disparity 0.
    """
    height, width = disparity.shape
    k = lens.matrix
    turned = (k @ pose[:3, :3] @ np.linalg.inv(k)).astype(np.float32)
    shifted = (k @ pose[:3, 3] / lens.focal).astype(np.float32)
    u, v = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]

    def row(i: int) -> Floats:
        place = turned[i, 0] * u + (turned[i, 1] * v + turned[i, 2])
        if shifted[i]:
            place += shifted[i] * disparity
        return np.asarray(place, np.float32)

    away = row(2)
    scale = np.reciprocal(np.maximum(away, np.float32(NEAR_LIMIT)))
    there: Floats = disparity * scale
    if away.min() < NEAR_LIMIT:
        there[away < NEAR_LIMIT] = 0
    return row(0) * scale, row(1) * scale, there


def forward_disparity(disparity: Floats, pose: Matrix, lens: Lens) -> Floats:
    """Return the disparity map after `pose`, 0 in holes; the nearest surface wins, and cracks are closed."""
    height, width = disparity.shape
    x, y, there = project(disparity, pose, lens)
    enlarged = _enlargement(disparity, there, x, y) * float(np.abs(np.linalg.eigvals(pose[:2, :2])).max())
    # Pixels that move far apart are collected in larger squares, since a surface's depth is smooth.
    square = max(1, ceil(enlarged / MAX_GAP))
    if square > 1:
        x, y = (np.asarray((place + 0.5) / square - 0.5, np.float32) for place in (x, y))
    wide, high = -(-width // square), -(-height // square)
    # A margin of one square takes the pixels that fall outside.
    column = np.rint(np.clip(x, -1, wide, out=x), out=x).astype(np.int32)
    line = np.rint(np.clip(y, -1, high, out=y), out=y).astype(np.int32)
    index = (line + 1) * (wide + 2) + (column + 1)
    nearest = np.zeros((high + 2) * (wide + 2), np.float32)
    np.maximum.at(nearest, index.ravel().astype(np.intp), there.ravel())
    seen = _close_cracks(nearest.reshape(high + 2, wide + 2)[1:-1, 1:-1], enlarged / square)
    if square == 1:
        return seen
    return np.repeat(np.repeat(seen, square, 0), square, 1)[:height, :width]


def _enlargement(disparity: Floats, there: Floats, x: Floats, y: Floats) -> float:
    """Return the 99th percentile (at least 1) of the enlargement by coming nearer: the width of the cracks."""
    height, width = disparity.shape
    few = slice(None, None, max(1, min(height, width) // 128))
    x, y, ratio = x[few, few], y[few, few], there[few, few] / disparity[few, few]
    inside = (x > 0) & (y > 0) & (x < width) & (y < height)
    return max(1.0, float(np.percentile(ratio[inside], 99))) if inside.any() else 1.0


def _close_cracks(nearest: Floats, enlarged: float) -> Floats:
    """Return `nearest` with the cracks between pixels that moved apart closed by the nearer depth around them."""
    size = 2 * ceil(max(enlarged, 1.0) / 2) + 1
    return np.asarray(cv2.morphologyEx(nearest, cv2.MORPH_CLOSE, np.ones((size, size))), np.float32)


Flags = NDArray[np.bool_]


HOLE_MARGIN = 48  # pixels around the holes that influence their colours


LEAST_DISPARITY = 1e-3  # least disparity: a surface at a thousand times the reference plane's distance


BACKDROP_CELL = 8  # pixels: size of the squares in which the backdrop is searched for


BACKDROP_WIDTH = 0.7  # of the image's width: wider surfaces are backdrop


SAME_SURFACE = 0.02  # of a disparity: surfaces with a smaller difference count as one


FOREGROUND_WEIGHT = 1e-5  # weight of pixels that are not backdrop


COARSE_WEIGHT = 0.003  # weight of coarser levels against a level's own values


def backdrop_weight(disparity: Floats) -> Floats:
    """Return the weight of each pixel as backdrop, float32 (height, width): 1 for the far side, near 0 in front of it.

    The far side of each row is its disparity after a morphological opening that removes all surfaces narrower than
    0.7 of the row. `disparity` must have no holes.
    """
    height, width = disparity.shape
    size = (max(1, width // BACKDROP_CELL), max(1, height // BACKDROP_CELL))
    kernel = np.ones((1, 2 * (round(size[0] * BACKDROP_WIDTH) // 2) + 1), np.uint8)
    few = cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST)
    behind = cv2.resize(cv2.morphologyEx(few, cv2.MORPH_OPEN, kernel), (width, height))
    return np.asarray(
        np.clip((behind - disparity) / (SAME_SURFACE * behind) + 2, FOREGROUND_WEIGHT, 1), np.float32
    )


def fill_disparity(surface: Floats, holes: Flags, weight: Floats) -> Floats:
    """Return the disparity map `surface` with its holes at the level of the far side, given by `weight` 0..1."""
    if not holes.any() or holes.all():
        return np.where(holes, np.float32(1.0), surface)
    weight = np.where(holes, np.float32(0), weight)
    wall = _far_plane(surface, weight)
    spread = _fill_from_pyramid(((surface - wall) * weight)[..., None], weight)[..., 0] + wall
    return np.where(holes, np.maximum(spread, np.float32(LEAST_DISPARITY)), surface)


def _far_plane(surface: Floats, weight: Floats) -> Floats:
    """Return the plane through the far side: disparity is linear in x and y on it, also where it is unknown."""
    height, width = surface.shape
    step = max(1, max(height, width) // 64)
    x, y = np.arange(width, dtype=np.float32) / width, np.arange(height, dtype=np.float32) / height
    across, down = np.meshgrid(x[::step], y[::step])
    few, known = weight[::step, ::step].ravel(), surface[::step, ::step].ravel()
    design = np.stack([np.ones_like(known), across.ravel(), down.ravel()], -1)
    level, right, below = np.linalg.lstsq(design * few[:, None], known * few, rcond=None)[0]
    return np.asarray(right * x[None, :] + (below * y[:, None] + level), np.float32)


def fill_holes(image: Image, holes: Flags, surface: Floats, weight: Floats) -> Image:
    """Return `image` with its holes in the colours of the far side around them.

    `surface` is the disparity of `image`, and `weight` (0..1) the weight of each pixel as far side.
    """
    if not holes.any() or holes.all():
        return image
    holes = _widen_holes(holes, surface)
    rows, columns = (
        _slice_with_margin(np.flatnonzero(holes.any(axis)), holes.shape[1 - axis]) for axis in (1, 0)
    )
    part, bare = image[rows, columns], holes[rows, columns]
    known = np.where(bare, np.float32(0), weight[rows, columns])
    spread = _fill_from_pyramid(np.asarray(part * known[..., None], np.float32), known)
    result = image.copy()
    result[rows, columns] = np.where(bare[..., None], np.clip(np.rint(spread), 0, 255), part)
    return result


def _widen_holes(holes: Flags, surface: Floats) -> Flags:
    """Return the holes and the far pixels beside them, into which the image mixes colours of the near side."""
    kernel = np.ones((5, 5), np.uint8)
    near, far = cv2.dilate(surface, kernel), cv2.erode(surface, kernel)
    return np.asarray(holes | ((cv2.dilate(holes.astype(np.uint8), kernel) > 0) & (surface * 2 < near + far)))


def _slice_with_margin(at: NDArray[np.intp], size: int) -> slice:
    """Return the slice from the first to the last index of `at`, with a margin, inside `size`."""
    return slice(max(int(at[0]) - HOLE_MARGIN, 0), min(int(at[-1]) + HOLE_MARGIN + 1, size))


def _fill_from_pyramid(weighted: Floats, weight: Floats) -> Floats:
    """Return values for all pixels from weighted ones, as averages over the smallest squares that have any weight.

    `weighted` (height, width, channels) is already multiplied by `weight` (height, width).
    """
    height, width = weight.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse: Floats = np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32)
    smaller = cv2.resize(weighted, half, interpolation=cv2.INTER_AREA)
    values: Floats = np.asarray(smaller, np.float32).reshape(*coarse.shape, -1)
    if max(half) > 1:
        values += np.float32(COARSE_WEIGHT) * _fill_from_pyramid(values.copy(), coarse)
        coarse += np.float32(COARSE_WEIGHT)
    values /= np.maximum(coarse, np.float32(1e-12))[..., None]
    large = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32).reshape(height, width, -1)
