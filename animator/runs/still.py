"""Still images of a film: the poster and the contact sheet."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from math import ceil, sqrt

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from animator.frame import Image
from animator.runs.animations import exif
from animator.runs.reel import Reel

SHEET = 24  # images on a contact sheet
CELL = 256  # pixels: longer side of an image on the sheet
GAP, LINE = 8, 18  # pixels: space between images, height of the label below each
PAPER, INK = (24, 24, 26), (225, 225, 225)
MOST_EXIF = 65_000  # bytes: capacity of one segment of a JPEG


def telling(frames: Sequence[int], picture: Callable[[int], Image]) -> int:
    """Return the frame with the most detail: the largest mean grey difference between neighbouring pixels.

    At most SHEET of the frames, evenly spread, are compared.
    """
    return max(_spread(frames), key=lambda index: _detail(picture(index)))


def _spread(frames: Sequence[int]) -> list[int]:
    """Return at most SHEET of the frames, evenly spread."""
    return [frames[int(at)] for at in np.unique(np.linspace(0, len(frames) - 1, SHEET).astype(int))]


def _detail(image: Image) -> float:
    grey = image.mean(axis=-1)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def sheet(reel: Reel, recipe: str, label: Callable[[int], str]) -> bytes:
    """Return a JPEG of images from the whole film, each above its label; EXIF holds `recipe` if it has room."""
    seen = _spread(reel.order)
    scale = min(1.0, CELL / max(reel.width, reel.height))
    small = reel.only(seen).smaller(scale)
    wide, high = small.width + GAP, small.height + GAP + LINE
    columns = min(len(seen), max(1, ceil(sqrt(len(seen) * 1.5 * high / wide))))
    rows = ceil(len(seen) / columns)
    paper = Pictures.new("RGB", (columns * wide + GAP, rows * high + GAP), PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(12)
    for at, (index, picture) in enumerate(zip(seen, small, strict=True)):
        left, top = GAP + at % columns * wide, GAP + at // columns * high
        paper.paste(Pictures.fromarray(picture), (left, top))
        text = label(index) if draw.textlength(label(index), font) <= small.width else str(index)
        draw.text((left, top + small.height + 2), text, INK, font)
    note, data = exif(recipe), io.BytesIO()
    paper.save(data, "JPEG", quality=90, **({"exif": b"Exif\0\0" + note} if len(note) < MOST_EXIF else {}))
    return data.getvalue()
