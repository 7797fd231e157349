"""Sizes of images: resize, crop to another aspect ratio, upscale tile by tile without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from animator.frame import Framing, Image, Mask


def largest_crop(width: int, height: int, ratio: float) -> tuple[int, int]:
    """Return the largest size within width x height of the aspect `ratio` (width / height); both sides even."""
    wide, high = min(width, height * ratio), min(height, width / ratio)
    return max(2, int(wide / 2 + 1e-6) * 2), max(2, int(high / 2 + 1e-6) * 2)


def crop_to_frame(image: NDArray[np.uint8], framing: Framing, width: int, height: int) -> NDArray[np.uint8]:
    """Return the part of an RGB or RGBA image that `framing` selects, resized to width x height.

    The part lies wholly inside the image: it is shifted where its middle is too near an edge. Colours are weighted
    by alpha, so that transparent pixels add none.
    """
    high, wide = image.shape[:2]
    scale = min(wide / width, high / height) / framing.zoom
    across, down = width * scale, height * scale
    left = min(max(framing.x * wide - across / 2, 0.0), wide - across)
    top = min(max(framing.y * high - down / 2, 0.0), high - down)
    return _resize_box(image, (width, height), (left, top, left + across, top + down))


def centroid(mask: Mask) -> tuple[float, float]:
    """Return the centroid (x, y) of a mask as parts of its width and height; NaN if the mask is empty."""
    weight = mask.astype(np.float64)
    height, width = mask.shape
    with np.errstate(invalid="ignore"):
        x = (weight.sum(axis=0) * (np.arange(width) + 0.5)).sum() / weight.sum() / width
        y = (weight.sum(axis=1) * (np.arange(height) + 0.5)).sum() / weight.sum() / height
    return float(x), float(y)


def smooth_track(places: NDArray[np.float64], reach: float, loop: bool) -> NDArray[np.float64]:
    """Return positions over time, (frames,), smoothed by a Gaussian of `reach` frames.

    NaN positions are interpolated from their neighbours; if all are NaN, the result is 0.5. With `loop` the last
    frame is followed by the first.
    """
    known = np.isfinite(places)
    if not known.any():
        return np.full_like(places, 0.5)
    at = np.arange(len(places))
    whole = np.interp(at, at[known], places[known])
    side = max(1, round(2 * reach))
    weights = np.exp(-0.5 * (np.arange(-side, side + 1) / max(reach, 0.1)) ** 2)
    # Odd reflection continues a steady motion beyond both ends.
    padded = np.pad(whole, side, "wrap") if loop else np.pad(whole, side, "reflect", reflect_type="odd")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def resize_rgba(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the whole RGB or RGBA image resized to width x height."""
    return _resize_box(image, (width, height), (0, 0, image.shape[1], image.shape[0]))


def _resize_box(image: NDArray[np.uint8], size: tuple[int, int], box: Any) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    left, top, right, bottom = map(float, box)
    inside = (
        max(0.0, left),
        max(0.0, top),
        min(width, right),
        min(height, bottom),
    )  # Pillow rejects a box outside the image, even by a rounding error
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.LANCZOS, inside))


Upscaler = Callable[[Image], Image]  # (h, w, 3) → (h * scale, w * scale, 3)

TILE_OVERLAP = 64  # pixels that neighbouring tiles share


def resize(image: Image, width: int, height: int) -> Image:
    """Return `image` in that size: by Lanczos if it gets wider, else by the mean of the pixels (cv2.INTER_AREA).

    Returns the same array, not a copy, if it has that size.
    """
    if image.shape[1::-1] == (width, height):
        return image
    way = cv2.INTER_LANCZOS4 if width > image.shape[1] else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)


def upscale_tiled(
    image: Image, enlarge: Upscaler, scale: int, tile: int, overlap: int = TILE_OVERLAP
) -> Image:
    """Return `enlarge(image)`, which makes it `scale` times larger, computed on overlapping tiles of `tile` pixels.

    Neighbouring tiles are blended in the middle of their overlap. The outer quarter of the overlap has no weight, so
    that pixels which depend on none farther away than that are bit for bit as without tiles.
    """
    height, width = image.shape[:2]
    if max(height, width) <= tile:
        return enlarge(image)
    whole = np.zeros((height * scale, width * scale, 3), np.float32)
    weight = np.zeros((height * scale, width * scale, 1), np.float32)
    for rows in _tile_slices(height, tile, overlap):
        for columns in _tile_slices(width, tile, overlap):
            part = enlarge(np.ascontiguousarray(image[rows, columns]))
            trust = np.outer(
                _tile_weights(rows, height, scale, overlap), _tile_weights(columns, width, scale, overlap)
            )[..., None]
            place = tuple(slice(part.start * scale, part.stop * scale) for part in (rows, columns))
            whole[place] += part * trust
            weight[place] += trust
    return np.asarray(np.rint(whole / weight), np.uint8)


def _tile_slices(length: int, tile: int, overlap: int) -> Iterator[slice]:
    """Yield the fewest slices of at most `tile` pixels that cover `length`, spread evenly."""
    if length <= tile:
        yield slice(0, length)
        return
    count = ceil((length - overlap) / (tile - overlap))
    for start in np.linspace(0, length - tile, count):
        yield slice(round(start), round(start) + tile)


def _tile_weights(part: slice, length: int, scale: int, overlap: int) -> NDArray[np.float32]:
    """Return the weight of each pixel along a tile's side: 1, falling to 0 at ends inside the image."""
    size = (part.stop - part.start) * scale
    inside = np.arange(size, dtype=np.float32) + np.float32(0.5)
    begins = inside if part.start else np.full(size, np.inf, np.float32)
    ends = size - inside if part.stop < length else np.full(size, np.inf, np.float32)
    reach = np.float32(overlap * scale)
    trust = (np.minimum(begins, ends) - reach / 4) / (reach / 2)
    return np.asarray(np.clip(trust, 0, 1), np.float32)
