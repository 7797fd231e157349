"""Find the padded bounding boxes of a mask's connected parts."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Mask

Box = tuple[slice, slice]  # rows and columns of an image
LEAST = 0.0002  # of the image's area: smaller parts are specks and are ignored


def regions(mask: Mask, padding: float) -> list[Box]:
    """Return a box for every connected part of `mask`, padded on each side by `padding` of its longer side.

    Overlapping boxes are merged. Boxes are sorted from top to bottom.
    """
    _, _, found, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=8)
    boxes = [
        _padded(x, y, width, height, padding, mask.shape)
        for x, y, width, height, area in found[1:].tolist()
        if area >= LEAST * mask.size
    ]
    return sorted(_joined(boxes), key=lambda box: (box[0].start, box[1].start))


def _padded(x: int, y: int, width: int, height: int, padding: float, shape: tuple[int, ...]) -> Box:
    more = round(padding * max(width, height))
    rows = slice(max(0, y - more), min(shape[0], y + height + more))
    return rows, slice(max(0, x - more), min(shape[1], x + width + more))


def _joined(boxes: list[Box]) -> list[Box]:
    """Return `boxes` with overlapping ones merged until none overlap."""
    left, done = list(boxes), []
    while left:
        box = left.pop()
        touched = next((other for other in left if _overlap(box, other)), None)
        if touched is None:
            done.append(box)
        else:
            left.remove(touched)
            left.append((_around(box[0], touched[0]), _around(box[1], touched[1])))
    return done


def _overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _around(one: slice, other: slice) -> slice:
    return slice(min(one.start, other.start), max(one.stop, other.stop))
