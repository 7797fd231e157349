"""Aspect-ratio buckets: scale and crop every photo to the nearest of several sizes of one area."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image, Mask
from animator.training.settings import Data

Size = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True, eq=False)
class View:
    """A photo as training uses it: scaled and cropped, with SDXL's size and crop conditioning."""

    image: Image  # (h, w, 3), of a bucket's size
    mask: NDArray[np.float32] | None  # (h, w) 0..1
    scale: float  # pixels of this image per pixel of the photo
    sizes: tuple[int, int, int, int, int, int]  # SDXL conditioning, h and w: original, crop corner, target


def sizes(resolution: int, data: Data) -> list[Size]:
    """Return all bucket sizes: sides in whole steps, at most the square's area, no longer than `data.longest`."""
    step = data.bucket_step
    square = max(resolution // step, 1) * step
    found = {(square, square)}
    if data.buckets:
        for width in range(step, int(square * data.longest) + step, step):
            height = square * square // width // step * step
            if height and max(width / height, height / width) <= data.longest:
                found |= {(height, width), (width, height)}
    return sorted(found)


def nearest(size: Size, known: list[Size]) -> Size:
    """Return the known size of the most similar aspect ratio; of equal ones, the largest."""
    ratio = np.log(size[1] / size[0])
    return min(known, key=lambda one: (abs(np.log(one[1] / one[0]) - ratio), -one[0] * one[1]))


def fit(image: Image, mask: Mask | None, bucket: Size) -> View:
    """Scale a photo (h, w, 3) to cover `bucket` and crop it around its centre, or around the masked product.

    The original size in the conditioning is the photo's own if it was enlarged (such images are soft, and the model
    should not paint later ones so), else the size it was reduced to.
    """
    height, width = image.shape[:2]
    scale = max(bucket[0] / height, bucket[1] / width)
    wide = (max(round(width * scale), bucket[1]), max(round(height * scale), bucket[0]))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(image, wide, interpolation=how)
    soft: NDArray[np.float32] | None = (
        None
        if mask is None
        else np.asarray(cv2.resize(mask, wide, interpolation=cv2.INTER_AREA) / 255, np.float32)
    )
    top, left = _corner(large.shape[:2], soft, bucket)
    rows, columns = slice(top, top + bucket[0]), slice(left, left + bucket[1])
    told = bucket if scale < 1 else (height, width)
    return View(
        np.ascontiguousarray(large[rows, columns]).astype(np.uint8),
        None if soft is None else np.ascontiguousarray(soft[rows, columns]),
        scale,
        (*told, top, left, *bucket),
    )


def _corner(size: tuple[int, ...], mask: NDArray[np.float32] | None, bucket: Size) -> Size:
    """Return top and left of the crop: centred on the image, or on the mask as far as the image reaches."""
    spare = (size[0] - bucket[0], size[1] - bucket[1])
    if mask is None or not (mask > 0.5).any():
        return spare[0] // 2, spare[1] // 2
    middles = [(np.flatnonzero((mask > 0.5).any(axis))[[0, -1]].sum() + 1) / 2 for axis in (1, 0)]
    top, left = (int(np.clip(round(m - b / 2), 0, s)) for m, b, s in zip(middles, bucket, spare, strict=True))
    return top, left
