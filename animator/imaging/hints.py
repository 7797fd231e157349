"""A picture → the hint that a ControlNet is shown: edges, or how near things are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image


def canny(image: Image, low: float, high: float) -> Image:
    """The edges of `image`, white on black: gradients from `high` on begin one, from `low` on go on with it."""
    edges = cv2.Canny(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), low, high)
    return _three(np.asarray(edges, np.uint8))


def nearness(disparity: NDArray[np.float32]) -> Image:
    """Any numbers (h, w) that grow with nearness as greys: black the farthest, white the nearest of the picture."""
    far, near = float(disparity.min()), float(disparity.max())
    unit = (disparity - far) / max(near - far, 1e-6)
    return _three(np.rint(unit * 255.0).astype(np.uint8))


def _three(grey: NDArray[np.uint8]) -> Image:
    return np.repeat(grey[..., None], 3, axis=-1)
