"""Poster, contact sheet, subtitles.

A sheet of images in rows and columns, with labels and captions.

Still images of a film: the poster and the contact sheet.

A film's prompts as subtitles, for video editors and players.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from itertools import groupby
from math import ceil, sqrt

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from animator.frame import Image
from animator.runs.animations import Reel, exif

LARGEST = 8192  # pixels: longest side of a sheet

GAP, PAPER, INK, FAINT = 8, (250, 250, 248), (30, 32, 36), (140, 143, 150)


def grid(
    pictures: Sequence[Sequence[Image]],
    columns: Sequence[str],
    rows: Sequence[str],
    names: Sequence[Sequence[str]],
) -> Image:
    """Return a sheet of `pictures`, which are RGB uint8 of one size; the sheet is RGB uint8 too.

    `columns` and `rows` are labels at the edges, `names` captions below the images. Images are scaled down
    where a side of the sheet would exceed 8192 pixels.
    """
    height, width = pictures[0][0].shape[:2]
    part = min(1.0, LARGEST / (width * (len(columns) + 1)), LARGEST / (height * (len(rows) + 1) * 1.2))
    width, height = max(64, round(width * part)), max(48, round(height * part))
    font = ImageFont.load_default(max(11, min(28, width // 16)))
    line = round(font.getbbox("Ag")[3] * 1.25) + 2
    beside = min(max(width, 160), 420) if any(rows) else 0
    head = [_wrapped(text, font, width) for text in columns]
    top = GAP + line * max(text.count("\n") + 1 for text in head)
    across, down = width + GAP, height + line + GAP
    sheet = Pictures.new("RGB", (GAP + beside + len(columns) * across, top + GAP + len(rows) * down), PAPER)
    draw = ImageDraw.Draw(sheet)
    for x, text in enumerate(head):
        draw.multiline_text((GAP + beside + x * across, GAP), text, INK, font)
    for y, (row, text) in enumerate(zip(pictures, rows, strict=True)):
        begun = top + GAP + y * down
        draw.multiline_text((GAP, begun), _wrapped(text, font, beside - 2 * GAP), INK, font)
        for x, picture in enumerate(row):
            left = GAP + beside + x * across
            small = Pictures.fromarray(picture).resize((width, height), Pictures.Resampling.LANCZOS)
            sheet.paste(small, (left, begun))
            draw.text((left, begun + height + 1), names[y][x], FAINT, font)
    return np.asarray(sheet)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Break `text` into lines of at most `width` pixels; a longer word gets a line of its own."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.append("")
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and font.getlength(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


SHEET = 24  # images on a contact sheet

CELL = 256  # pixels: longer side of an image on the sheet

STRIP_GAP, LINE = 8, 18  # pixels: space between images, height of the label below each

STRIP_PAPER, STRIP_INK = (24, 24, 26), (225, 225, 225)

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
    wide, high = small.width + STRIP_GAP, small.height + STRIP_GAP + LINE
    columns = min(len(seen), max(1, ceil(sqrt(len(seen) * 1.5 * high / wide))))
    rows = ceil(len(seen) / columns)
    paper = Pictures.new("RGB", (columns * wide + STRIP_GAP, rows * high + STRIP_GAP), STRIP_PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(12)
    for at, (index, picture) in enumerate(zip(seen, small, strict=True)):
        left, top = STRIP_GAP + at % columns * wide, STRIP_GAP + at // columns * high
        paper.paste(Pictures.fromarray(picture), (left, top))
        text = label(index) if draw.textlength(label(index), font) <= small.width else str(index)
        draw.text((left, top + small.height + 2), text, STRIP_INK, font)
    note, data = exif(recipe), io.BytesIO()
    paper.save(data, "JPEG", quality=90, **({"exif": b"Exif\0\0" + note} if len(note) < MOST_EXIF else {}))
    return data.getvalue()


_WEIGHT = re.compile(r"\(([^()]*?):\s*-?[\d.]+\s*\)")


def subtitles(prompts: Sequence[str], fps: float) -> str:
    """Return SubRip text: each prompt for as long as it lasts, without its prompt weights.

    `prompts`: one per image, in the order shown; "" for none.
    """
    cues: list[str] = []
    at = 0
    for text, group in groupby(map(plain, prompts)):
        first, at = at, at + len(list(group))
        if text:
            cues.append(f"{len(cues) + 1}\n{_time(first / fps)} --> {_time(at / fps)}\n{text}\n")
    return "\n".join(cues)


def plain(prompt: str) -> str:
    """Return a prompt in one line and without weights: `(red:1.2) mug` becomes `red mug`."""
    while (shorter := _WEIGHT.sub(r"\1", prompt)) != prompt:
        prompt = shorter
    return " ".join(prompt.split())


def _time(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02},{milliseconds % 1000:03}"
