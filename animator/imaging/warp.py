"""Warps of images: by a matrix, or by depth, with holes filled; every pixel is resampled once.

By depth, every pixel's disparity is moved to its new position, and the largest one is kept; then every target pixel
has the depth of its surface, hence its position in the image, and takes its colour from there in one cubic
resampling. Colours are never scattered, so that none are blurred. Pixels that a near surface has uncovered belong to
the surface behind it: holes are filled from the far side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from animator.frame import Image, Matrix

BORDERS = {"replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "wrap": cv2.BORDER_WRAP}


BORDERS["black"] = cv2.BORDER_CONSTANT  # not available as a setting: used to find where an image ends


IDENTITY_TOLERANCE = (
    1e-7  # a matrix this close to the identity moves no pixel of a 10,000-pixel image by a thousandth
)


HORIZON_SCALE = 1e-6  # of the reference plane's scale: smaller scales lie beyond the horizon


MAX_COORDINATE = 16_000.0  # pixels: largest coordinate for cv2.remap, which uses 16 bits


def warp(image: Image, matrix: Matrix, border: str = "replicate") -> Image:
    """Return `image` with every pixel moved by `matrix` (3, 3), resampled once with a cubic filter.

    `border` is "replicate", "reflect", "wrap" or "black". Returns the same array, not a copy, if the matrix is the
    identity.
    """
    if np.abs(matrix - np.eye(3)).max() < IDENTITY_TOLERANCE:
        return image
    height, width = image.shape[:2]
    back, mode = inverse_homography(matrix), BORDERS[border]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]]) @ back.T
    behind = (corners[:, 2] <= HORIZON_SCALE * np.abs(back[2]).max()).any()
    if behind or (border in REPEATING_BORDERS and _exceeds_repetition(corners, height, width)):
        return _warp_by_remap(image, back, border)
    if np.abs(matrix[2, :2]).max() * max(width, height) < IDENTITY_TOLERANCE:
        forth = matrix[:2] / matrix[2, 2]
        moved = cv2.warpAffine(image, forth, (width, height), flags=cv2.INTER_CUBIC, borderMode=mode)
    else:
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpPerspective(image, back, (width, height), flags=flags, borderMode=mode)
    return np.asarray(moved, dtype=np.uint8)


def _exceeds_repetition(corners: Matrix, height: int, width: int) -> bool:
    """Return True if source `corners`, (4, 3), lie so far outside the image that cv2 would stop repeating it there."""
    parts = corners[:, :2] / corners[:, 2:] / (width, height)
    return bool((np.abs(parts - 0.5) > 1).any())


def _warp_by_remap(image: Image, back: Matrix, border: str) -> Image:
    """Return `image` warped by computing each source position, for matrices that cv2's warps do not support.

    `back` is the inverse matrix. Points behind the camera are not visible; the border extends to the horizon.
    """
    height, width = image.shape[:2]
    u, v = np.arange(width, dtype=np.float64)[None, :], np.arange(height, dtype=np.float64)[:, None]
    across, down, scale = (row[0] * u + (row[1] * v + row[2]) for row in back)
    scale = np.maximum(scale, HORIZON_SCALE * np.abs(back).max())
    fold = REPEATING_BORDERS.get(border, clamp_coordinate)
    x, y = (np.asarray(fold(p / scale, side), np.float32) for p, side in ((across, width), (down, height)))
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=BORDERS[border]), dtype=np.uint8)


def _reflect_coordinate(place: Any, side: int) -> Any:
    """Return a coordinate on an axis of mirrored images as one inside the first, which is `side` pixels long."""
    back = (place + 0.5) % (2 * side)
    return side - 0.5 - abs(back - side)


def clamp_coordinate(place: Any, _: int) -> Any:
    """Return a coordinate clipped to the range that cv2.remap supports."""
    return place.clip(-MAX_COORDINATE, MAX_COORDINATE)


# Border modes that repeat the image endlessly → the function that maps a coordinate outside it to one inside.
REPEATING_BORDERS: dict[str, Callable[[Any, int], Any]] = {
    "reflect": _reflect_coordinate,
    "wrap": lambda place, side: place % side,
}


def inverse_homography(matrix: Matrix) -> Matrix:
    """Return the inverse of a (3, 3) homography up to a scale > 0, also of a singular one (a plane seen edge-on)."""
    a, b, c = matrix
    adjugate: Matrix = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    return adjugate if np.linalg.det(matrix) >= 0 else -adjugate
