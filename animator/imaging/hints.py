"""Make ControlNet hints from an image: edges, or depth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image


def canny(image: Image, low: float, high: float) -> Image:
    """Return the Canny edges of `image`, white on black, RGB uint8.

    Gradients from `high` on start an edge, gradients from `low` on continue it.
    """
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), low, high)
    return _three(np.asarray(edges, np.uint8))


def nearness(disparity: NDArray[np.float32]) -> Image:
    """Return numbers (h, w) of any scale that grow with nearness as an RGB image: black farthest, white nearest."""
    far, near = float(disparity.min()), float(disparity.max())
    unit = (disparity - far) / max(near - far, 1e-6)
    return _three(np.rint(unit * 255.0).astype(np.uint8))


def _three(grey: NDArray[np.uint8]) -> Image:
    return np.repeat(grey[..., None], 3, axis=-1)
