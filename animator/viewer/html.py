"""Thumbnails for pages: JPEG files of a limited total size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from animator.frame import Image
from animator.viewer.fill import link

MOST = 1_500_000  # characters of all images in a view: a notebook of a dozen views stays below 20 MB
WIDTH, LEAST = 320, 48  # pixels: width of a thumbnail, and the least width that is still readable
COUNT = 120  # frames: more could not be told apart on a slider
QUALITY = 80

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Small:
    """Thumbnail of frame `index` as a JPEG file."""

    index: int
    jpeg: bytes

    @property
    def address(self) -> str:
        """Data URL of the image."""
        return link("image/jpeg", self.jpeg)


def jpeg(image: Image, width: int, quality: int = QUALITY) -> bytes:
    """Return `image` (RGB uint8) as a JPEG file of at most `width` pixels across."""
    share = min(1.0, width / image.shape[1])
    size = tuple(max(1, round(side * share)) for side in image.shape[1::-1])
    fitted = image if share == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", fitted[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def small(
    indices: Sequence[int],
    picture: Callable[[int], Image],
    width: int = WIDTH,
    count: int = COUNT,
    most: int = MOST,
) -> list[Small]:
    """Return thumbnails of at most `count` of the frames `indices`, evenly chosen.

    Their data URLs have at most `most` characters together: thumbnails become smaller until they fit, then
    fewer.
    """
    found = [Small(index, jpeg(picture(index), width)) for index in evenly(indices, count)]
    while (size := sum(len(one.address) for one in found)) > most and (width > LEAST or len(found) > 1):
        if width > LEAST:
            width = max(LEAST, int(width * min(0.9, 0.95 * (most / size) ** 0.5)))
            found = [Small(one.index, jpeg(picture(one.index), width)) for one in found]
        else:
            found = evenly(found, max(1, int(len(found) * most / size)))
    return found


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most `count` of `items`, evenly chosen, the first and the last among them."""
    count = min(count, len(items))
    return [items[at] for at in np.linspace(0, len(items) - 1, count).astype(int)]
