"""A sheet of images in rows and columns, with labels and captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from animator.frame import Image

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
