"""One resampling of a picture by a matrix."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Image, Matrix

BORDERS = {"replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "wrap": cv2.BORDER_WRAP}
BORDERS["black"] = cv2.BORDER_CONSTANT  # no setting: it shows where a picture ends
STILL = 1e-7  # a matrix this close to the identity moves no pixel of a 10,000-pixel picture by a thousandth


def warp(image: Image, matrix: Matrix, border: str = "replicate") -> Image:
    """`image` with every pixel moved by `matrix` (3, 3), resampled once with a cubic filter.

    Returns the same array, not a copy, when the matrix is the identity.
    """
    if np.abs(matrix - np.eye(3)).max() < STILL:
        return image
    height, width = image.shape[:2]
    moved = cv2.warpAffine(
        image, matrix[:2], (width, height), flags=cv2.INTER_CUBIC, borderMode=BORDERS[border]
    )
    return np.asarray(moved, dtype=np.uint8)
