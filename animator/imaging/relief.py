"""Reproject an image by its depth: the nearest surface wins, and holes are filled.

Depth is warped forward, colour backward. Every pixel's disparity is moved to its new position, and the largest one
is kept; then every target pixel has the depth of its surface, hence its position in the image, and takes its colour
from there in one cubic resampling. Colours are never scattered, so that none are blurred.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Matrix
from animator.imaging.geometry import Lens
from animator.imaging.holes import backdrop, deepened, filled
from animator.imaging.warp import BORDERS, FAR, STILL

Floats = NDArray[np.float32]

BEHIND = 1e-3  # of the focal length: points nearer to the camera are hidden
APART = 3.0  # pixels: distance between former neighbours beyond which depth is collected in larger squares


@dataclass(frozen=True, eq=False)
class Relief:
    """An image and the disparity of its pixels: focal length over distance, 1 on the reference plane."""

    image: Image
    disparity: Floats
    lens: Lens

    @cached_property
    def backdrop(self) -> Floats:
        """Weight of each pixel as a source for filling holes, 0..1: see holes.backdrop."""
        return backdrop(self.disparity)

    def seen(self, pose: Matrix, border: str = "replicate", pixels: Image | None = None) -> Image:
        """Return the image, or other `pixels` of the same depth, after points have moved by `pose`.

        Returns the same array, not a copy, if the pose is the identity.
        """
        image = self.image if pixels is None else pixels
        if np.abs(pose - np.eye(4)).max() < STILL:
            return image
        x, y, bared, surface = self.places(pose)
        moved = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=BORDERS[border])
        return filled(np.asarray(moved, np.uint8), bared, surface, self._backdrop(x, y))

    def places(self, pose: Matrix) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
        """Return each target pixel's source position (x and y), a flag that it was hidden, and its disparity."""
        surface = forward(self.disparity, pose, self.lens)
        holes = surface == 0
        back = np.asarray(np.linalg.inv(pose), np.float64)
        if holes.any():
            x, y, _ = project(np.where(holes, np.float32(1), surface), back, self.lens)
            surface = deepened(surface, holes, self._backdrop(x, y))
        x, y, _ = project(surface, back, self.lens)
        np.clip(x, -FAR, FAR, out=x)
        np.clip(y, -FAR, FAR, out=y)
        height, width = self.disparity.shape
        # Beyond the image's edge the border mode fills; a hole inside the image was hidden by a near surface.
        bared = holes & (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
        return x, y, bared, surface

    def _backdrop(self, x: Floats, y: Floats) -> Floats:
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
    scale = np.reciprocal(np.maximum(away, np.float32(BEHIND)))
    there: Floats = disparity * scale
    if away.min() < BEHIND:
        there[away < BEHIND] = 0
    return row(0) * scale, row(1) * scale, there


def forward(disparity: Floats, pose: Matrix, lens: Lens) -> Floats:
    """Return the disparity map after `pose`, 0 in holes; the nearest surface wins, and cracks are closed."""
    height, width = disparity.shape
    x, y, there = project(disparity, pose, lens)
    enlarged = _enlarged(disparity, there, x, y) * float(np.abs(np.linalg.eigvals(pose[:2, :2])).max())
    # Pixels that move far apart are collected in larger squares, since a surface's depth is smooth.
    square = max(1, ceil(enlarged / APART))
    if square > 1:
        x, y = (np.asarray((place + 0.5) / square - 0.5, np.float32) for place in (x, y))
    wide, high = -(-width // square), -(-height // square)
    # A margin of one square takes the pixels that fall outside.
    column = np.rint(np.clip(x, -1, wide, out=x), out=x).astype(np.int32)
    line = np.rint(np.clip(y, -1, high, out=y), out=y).astype(np.int32)
    index = (line + 1) * (wide + 2) + (column + 1)
    nearest = np.zeros((high + 2) * (wide + 2), np.float32)
    np.maximum.at(nearest, index.ravel().astype(np.intp), there.ravel())
    seen = _closed(nearest.reshape(high + 2, wide + 2)[1:-1, 1:-1], enlarged / square)
    if square == 1:
        return seen
    return np.repeat(np.repeat(seen, square, 0), square, 1)[:height, :width]


def _enlarged(disparity: Floats, there: Floats, x: Floats, y: Floats) -> float:
    """Return the 99th percentile (at least 1) of the enlargement by coming nearer: the width of the cracks."""
    height, width = disparity.shape
    few = slice(None, None, max(1, min(height, width) // 128))
    x, y, ratio = x[few, few], y[few, few], there[few, few] / disparity[few, few]
    inside = (x > 0) & (y > 0) & (x < width) & (y < height)
    return max(1.0, float(np.percentile(ratio[inside], 99))) if inside.any() else 1.0


def _closed(nearest: Floats, enlarged: float) -> Floats:
    """Return `nearest` with the cracks between pixels that moved apart closed by the nearer depth around them."""
    size = 2 * ceil(max(enlarged, 1.0) / 2) + 1
    return np.asarray(cv2.morphologyEx(nearest, cv2.MORPH_CLOSE, np.ones((size, size))), np.float32)
