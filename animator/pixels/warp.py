"""One resampling of a picture by a matrix."""

from __future__ import annotations

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
    if np.abs(matrix[2, :2]).max() * max(width, height) < STILL:
        moved = cv2.warpAffine(
            image,
            matrix[:2] / matrix[2, 2],
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=BORDERS[border],
        )
        return np.asarray(moved, dtype=np.uint8)
    return _perspective(image, matrix, border)


def _perspective(image: Image, matrix: Matrix, border: str) -> Image:
    """The same by a homography; what is behind the camera is not shown, and the edge reaches to the horizon."""
    height, width = image.shape[:2]
    back = backwards(matrix)
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1.0]])
    if (corners @ back[2] > HORIZON * np.abs(back[2]).max()).all():
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpPerspective(image, back, (width, height), flags=flags, borderMode=BORDERS[border])
        return np.asarray(moved, dtype=np.uint8)
    u, v = np.arange(width, dtype=np.float64)[None, :], np.arange(height, dtype=np.float64)[:, None]
    across, down, scale = (row[0] * u + (row[1] * v + row[2]) for row in back)
    scale = np.maximum(scale, HORIZON * np.abs(back).max())
    x, y = (np.clip(place / scale, -FAR, FAR).astype(np.float32) for place in (across, down))
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=BORDERS[border]), dtype=np.uint8)


def backwards(matrix: Matrix) -> Matrix:
    """The inverse of a (3, 3) homography up to a scale > 0; also of one that sees its plane from the edge."""
    a, b, c = matrix
    adjugate: Matrix = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    return adjugate if np.linalg.det(matrix) >= 0 else -adjugate
