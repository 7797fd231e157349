"""A part of a picture as a picture of another shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from animator.frame import Framing, Mask


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


def middle(mask: Mask) -> tuple[float, float]:
    """Where the middle of a mask's weight lies, in parts of its width and height; not a number where it is nowhere."""
    weight = mask.astype(np.float64)
    height, width = mask.shape
    with np.errstate(invalid="ignore"):
        x = (weight.sum(axis=0) * (np.arange(width) + 0.5)).sum() / weight.sum() / width
        y = (weight.sum(axis=1) * (np.arange(height) + 0.5)).sum() / weight.sum() / height
    return float(x), float(y)


def steady(places: NDArray[np.float64], reach: float, loop: bool) -> NDArray[np.float64]:
    """Places over time, (frames,), without their trembling: weighed over about `reach` frames to either side.

    Those that are not a number are taken from what is around them; where all are, the middle.
    """
    known = np.isfinite(places)
    if not known.any():
        return np.full_like(places, 0.5)
    at = np.arange(len(places))
    whole = np.interp(at, at[known], places[known])
    side = max(1, round(2 * reach))
    weights = np.exp(-0.5 * (np.arange(-side, side + 1) / max(reach, 0.1)) ** 2)
    # What goes steadily goes on so behind its ends.
    padded = np.pad(whole, side, "wrap") if loop else np.pad(whole, side, "reflect", reflect_type="odd")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


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
