"""Crossfade between two images."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Image


def crossfade(old: Image, new: Image, weight: float) -> Image:
    """Return the weighted mean of two images: `old` at weight 0, `new` at weight 1, rounded to whole grey levels."""
    return np.asarray(cv2.addWeighted(old, 1.0 - weight, new, weight, 0.0), dtype=np.uint8)
