"""Small pictures for pages: JPEG, and never more bytes than they may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from animator.frame import Image
from animator.viewer.fill import link

MOST = 1_500_000  # characters of all pictures of one view: a notebook with a dozen views stays below 20 MB
WIDTH, LEAST = 320, 48  # pixels across: of a small picture, and of the smallest that still shows something
COUNT = 120  # frames: more than one can tell apart on a slider
QUALITY = 80

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Small:
    """A picture of frame `index` as a JPEG file."""

    index: int
    jpeg: bytes

    @property
    def address(self) -> str:
        return link("image/jpeg", self.jpeg)


def jpeg(image: Image, width: int, quality: int = QUALITY) -> bytes:
    """`image` at most `width` pixels wide, as a JPEG file."""
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
    """Pictures of at most `count` of the frames `indices`, evenly chosen, whose addresses have `most` characters.

    They become smaller until they fit, and fewer when they cannot become smaller.
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
    """At most `count` of `items`, the first and the last among them, evenly chosen."""
    count = min(count, len(items))
    return [items[at] for at in np.linspace(0, len(items) - 1, count).astype(int)]
