"""Two pictures → one between them."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Image


def crossfade(old: Image, new: Image, weight: float) -> Image:
    """`old` at weight 0, `new` at weight 1, rounded to the nearest grey level between."""
    return np.asarray(cv2.addWeighted(old, 1.0 - weight, new, weight, 0.0), dtype=np.uint8)
