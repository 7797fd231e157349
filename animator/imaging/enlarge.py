"""Resize an image, or upscale it by any function tile by tile without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Enlarge = Callable[[Image], Image]  # (h, w, 3) → (h * scale, w * scale, 3)
OVERLAP = 64  # pixels that neighbouring tiles share


def resized(image: Image, width: int, height: int) -> Image:
    """Return `image` in that size: by Lanczos if it gets wider, else by the mean of the pixels (cv2.INTER_AREA).

    Returns the same array, not a copy, if it has that size.
    """
    if image.shape[1::-1] == (width, height):
        return image
    way = cv2.INTER_LANCZOS4 if width > image.shape[1] else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)


def tiled(image: Image, enlarge: Enlarge, scale: int, tile: int, overlap: int = OVERLAP) -> Image:
    """Return `enlarge(image)`, which makes it `scale` times larger, computed on overlapping tiles of `tile` pixels.

    Neighbouring tiles are blended in the middle of their overlap. The outer quarter of the overlap has no weight, so
    that pixels which depend on none farther away than that are bit for bit as without tiles.
    """
    height, width = image.shape[:2]
    if max(height, width) <= tile:
        return enlarge(image)
    whole = np.zeros((height * scale, width * scale, 3), np.float32)
    weight = np.zeros((height * scale, width * scale, 1), np.float32)
    for rows in _parts(height, tile, overlap):
        for columns in _parts(width, tile, overlap):
            part = enlarge(np.ascontiguousarray(image[rows, columns]))
            trust = np.outer(_trust(rows, height, scale, overlap), _trust(columns, width, scale, overlap))[
                ..., None
            ]
            place = tuple(slice(part.start * scale, part.stop * scale) for part in (rows, columns))
            whole[place] += part * trust
            weight[place] += trust
    return np.asarray(np.rint(whole / weight), np.uint8)


def _parts(length: int, tile: int, overlap: int) -> Iterator[slice]:
    """Yield the fewest slices of at most `tile` pixels that cover `length`, spread evenly."""
    if length <= tile:
        yield slice(0, length)
        return
    count = ceil((length - overlap) / (tile - overlap))
    for start in np.linspace(0, length - tile, count):
        yield slice(round(start), round(start) + tile)


def _trust(part: slice, length: int, scale: int, overlap: int) -> NDArray[np.float32]:
    """Return the weight of each pixel along a tile's side: 1, falling to 0 at ends inside the image."""
    size = (part.stop - part.start) * scale
    inside = np.arange(size, dtype=np.float32) + np.float32(0.5)
    begins = inside if part.start else np.full(size, np.inf, np.float32)
    ends = size - inside if part.stop < length else np.full(size, np.inf, np.float32)
    reach = np.float32(overlap * scale)
    trust = (np.minimum(begins, ends) - reach / 4) / (reach / 2)
    return np.asarray(np.clip(trust, 0, 1), np.float32)
