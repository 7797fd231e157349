"""A part of a picture as a picture of another shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from animator.frame import Framing


def largest(width: int, height: int, ratio: float) -> tuple[int, int]:
    """The largest even size of width / height `ratio` that lies within width x height."""
    wide, high = min(width, height * ratio), min(height, width / ratio)
    return max(2, int(wide / 2 + 1e-6) * 2), max(2, int(high / 2 + 1e-6) * 2)


def framed(image: NDArray[np.uint8], framing: Framing, width: int, height: int) -> NDArray[np.uint8]:
    """The part of an RGB or RGBA picture that `framing` shows, as one of width x height.

    It lies wholly in the picture: where its middle is too near an edge, it ends there. Transparency is weighed in,
    so that no colour comes out of what cannot be seen.
    """
    high, wide = image.shape[:2]
    scale = min(wide / width, high / height) / framing.zoom
    across, down = width * scale, height * scale
    left = min(max(framing.x * wide - across / 2, 0.0), wide - across)
    top = min(max(framing.y * high - down / 2, 0.0), high - down)
    return _resized(image, (width, height), (left, top, left + across, top + down))


def scaled(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The whole of an RGB or RGBA picture at another size."""
    return _resized(image, (width, height), (0, 0, image.shape[1], image.shape[0]))


def _resized(image: NDArray[np.uint8], size: tuple[int, int], box: Any) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    left, top, right, bottom = map(float, box)
    inside = (
        max(0.0, left),
        max(0.0, top),
        min(width, right),
        min(height, bottom),
    )  # Pillow allows no rounding
    return np.asarray(Pictures.fromarray(image).resize(size, Pictures.Resampling.LANCZOS, inside))
