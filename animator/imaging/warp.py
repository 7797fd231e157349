"""One resampling of a picture by a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from animator.frame import Image, Matrix

BORDERS = {"replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "wrap": cv2.BORDER_WRAP}
BORDERS["black"] = cv2.BORDER_CONSTANT  # no setting: it shows where a picture ends
STILL = 1e-7  # a matrix this close to the identity moves no pixel of a 10,000-pixel picture by a thousandth
HORIZON = 1e-6  # of the reference plane's scale: beyond, a plane seen from its edge has no pixels any more
FAR = 16_000.0  # pixels; cv2 counts in 16 bits


def warp(image: Image, matrix: Matrix, border: str = "replicate") -> Image:
    """`image` with every pixel moved by `matrix` (3, 3), resampled once with a cubic filter.

    Returns the same array, not a copy, when the matrix is the identity.
    """
    if np.abs(matrix - np.eye(3)).max() < STILL:
        return image
    height, width = image.shape[:2]
    back, mode = backwards(matrix), BORDERS[border]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]]) @ back.T
    behind = (corners[:, 2] <= HORIZON * np.abs(back[2]).max()).any()
    if behind or (border in FOLDED and _strays(corners, height, width)):
        return _by_places(image, back, border)
    if np.abs(matrix[2, :2]).max() * max(width, height) < STILL:
        forth = matrix[:2] / matrix[2, 2]
        moved = cv2.warpAffine(image, forth, (width, height), flags=cv2.INTER_CUBIC, borderMode=mode)
    else:
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpPerspective(image, back, (width, height), flags=flags, borderMode=mode)
    return np.asarray(moved, dtype=np.uint8)


def _strays(corners: Matrix, height: int, width: int) -> bool:
    """Whether `corners`, (4, 3), come from so far outside the picture that cv2 would not go on repeating it there."""
    parts = corners[:, :2] / corners[:, 2:] / (width, height)
    return bool((np.abs(parts - 0.5) > 1).any())


def _by_places(image: Image, back: Matrix, border: str) -> Image:
    """The same place by place; what is behind the camera is not shown, and the edge reaches to the horizon."""
    height, width = image.shape[:2]
    u, v = np.arange(width, dtype=np.float64)[None, :], np.arange(height, dtype=np.float64)[:, None]
    across, down, scale = (row[0] * u + (row[1] * v + row[2]) for row in back)
    scale = np.maximum(scale, HORIZON * np.abs(back).max())
    fold = FOLDED.get(border, kept)
    x, y = (np.asarray(fold(p / scale, side), np.float32) for p, side in ((across, width), (down, height)))
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=BORDERS[border]), dtype=np.uint8)


def _reflected(place: Any, side: int) -> Any:
    """Where a place on an axis of mirrored pictures lies in the first of them, which is `side` pixels long."""
    back = (place + 0.5) % (2 * side)
    return side - 0.5 - abs(back - side)


def kept(place: Any, _: int) -> Any:
    """A place as it is, as far as cv2 can count."""
    return place.clip(-FAR, FAR)


# Borders that repeat the picture without end → where a place outside it lies in it.
FOLDED: dict[str, Callable[[Any, int], Any]] = {
    "reflect": _reflected,
    "wrap": lambda place, side: place % side,
}


def backwards(matrix: Matrix) -> Matrix:
    """The inverse of a (3, 3) homography up to a scale > 0; also of one that sees its plane from the edge."""
    a, b, c = matrix
    adjugate: Matrix = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    return adjugate if np.linalg.det(matrix) >= 0 else -adjugate
