"""Sharpen an image by an unsharp mask."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Image


def sharpen(image: Image, amount: float, sigma: float = 1.0) -> Image:
    """Return `image` plus `amount` times its difference from a Gaussian blur of `sigma` pixels; clipped to 0..255."""
    blurred = cv2.GaussianBlur(image, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(image, 1.0 + amount, blurred, -amount, 0.0), dtype=np.uint8)
