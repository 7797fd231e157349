"""A painter without a model, for previews, tests and computers without weights, and a test card; imports no torch."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Frame, Image


class Flat:
    """Painter without a model: returns a given image from nothing, and blends a flat colour over a start image.

    The seed determines the colour and the strength its opacity: 0 keeps the start image, 1 ignores it.
    """

    def __init__(self, picture: Image) -> None:
        self.picture = picture

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        if start is None:
            return self.picture
        random = np.random.Generator(np.random.PCG64(frame.seed))
        color = np.broadcast_to(random.integers(0, 256, 3, dtype=np.uint8), start.shape)
        strength = frame.painting.strength
        return np.asarray(cv2.addWeighted(start, 1.0 - strength, color.copy(), strength, 0.0), dtype=np.uint8)


def test_card(width: int, height: int) -> Image:
    """Return an RGB image on which every motion is visible: a grid, circles, a colour gradient and an upward arrow."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    unit = min(width, height) / 16
    card = np.stack([70 + 110 * x / width, np.full_like(x, 105), 180 - 100 * y / height], axis=-1)
    checks = ((x // unit + y // unit) % 2)[..., None]
    card = (card + 26 * checks).astype(np.uint8)
    middle, white = (width // 2, height // 2), (245, 245, 245)
    thick = max(1, round(unit / 8))
    for radius in (2, 4, 6):
        cv2.circle(card, middle, round(radius * unit), white, thick, cv2.LINE_AA)
    tip, tail = (middle[0], round(middle[1] - 3.5 * unit)), (middle[0], round(middle[1] + 3.5 * unit))
    cv2.arrowedLine(card, tail, tip, (250, 190, 60), 3 * thick, cv2.LINE_AA, tipLength=0.3)
    return np.asarray(card, dtype=np.uint8)
