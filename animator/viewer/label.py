"""Draw text into images in OpenCV's bundled sans serif font: Latin, Greek, Cyrillic, arrows and dots."""

from __future__ import annotations

import cv2
import numpy as np

from animator.frame import Image

Color = tuple[int, int, int]
WEIGHT = 400  # of the font: regular
_FACE = cv2.FontFace("sans")
_WIDE = (0, 1 << 20)  # so wide that cv2 never wraps a line


def put(image: Image, text: str, at: tuple[int, int], size: int, color: Color) -> int:
    """Draw one line of text into `image` in place from `at` (left, baseline); return the x at which it ends.

    Letters are `size` pixels high.
    """
    end, _ = cv2.putText(image, text, at, color, _FACE, size, WEIGHT, wrap=_WIDE)
    return int(end[0])


def width(text: str, size: int) -> int:
    """Return the width of a line of text in pixels."""
    return put(np.zeros((1, 1, 3), np.uint8), text, (0, 0), size, (0, 0, 0))


def wrapped(text: str, size: int, room: int, most: int) -> list[str]:
    """Return `text` as at most `most` lines of `room` pixels, broken between words; `…` marks omitted text."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most:
        count = len(words)
        while count > 1 and width(" ".join(words[:count]), size) > room:
            count -= 1
        lines.append(" ".join(words[:count]))
        words = words[count:]
    if not lines:
        return []
    if words:
        lines[-1] += " …"
    return [_cut(line, size, room) for line in lines]


def _cut(line: str, size: int, room: int) -> str:
    """Return `line`, shortened and ended by `…` if it is wider than `room` pixels."""
    if width(line, size) <= room:
        return line
    line = line.removesuffix(" …")
    while len(line) > 1 and width(f"{line}…", size) > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def color(written: str) -> Color:
    """Return the colour "#rrggbb" as RGB, 0..255."""
    red, green, blue = np.frombuffer(bytes.fromhex(written.removeprefix("#")), np.uint8).tolist()
    return red, green, blue
