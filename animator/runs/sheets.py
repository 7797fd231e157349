"""Still files about a film: the poster, contact sheets with labels, and its prompts as subtitles."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from math import ceil, sqrt

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from animator.frame import Image
from animator.runs.gif_webp import FrameSequence, exif_comment
from animator.timeline.cadence import pick_evenly

MAX_GRID_SIDE = 8192  # pixels: longest side of a sheet


GRID_GAP, GRID_BACKGROUND, GRID_TEXT, GRID_CAPTION = 8, (250, 250, 248), (30, 32, 36), (140, 143, 150)


def labelled_grid(
    images: Sequence[Sequence[Image]],
    columns: Sequence[str],
    rows: Sequence[str],
    captions: Sequence[Sequence[str]],
) -> Image:
    """Return a sheet of `images`, which are RGB uint8 of one size; the sheet is RGB uint8 too.

    `columns` and `rows` are labels at the edges, `captions` captions below the images. Images are scaled down
    where a side of the sheet would exceed 8192 pixels.
    """
    height, width = images[0][0].shape[:2]
    part = min(
        1.0, MAX_GRID_SIDE / (width * (len(columns) + 1)), MAX_GRID_SIDE / (height * (len(rows) + 1) * 1.2)
    )
    width, height = max(64, round(width * part)), max(48, round(height * part))
    font = ImageFont.load_default(max(11, min(28, width // 16)))
    line = round(font.getbbox("Ag")[3] * 1.25) + 2
    beside = min(max(width, 160), 420) if any(rows) else 0
    head = [_wrap(text, font, width) for text in columns]
    top = GRID_GAP + line * max(text.count("\n") + 1 for text in head)
    across, down = width + GRID_GAP, height + line + GRID_GAP
    sheet = Pillow.new(
        "RGB", (GRID_GAP + beside + len(columns) * across, top + GRID_GAP + len(rows) * down), GRID_BACKGROUND
    )
    draw = ImageDraw.Draw(sheet)
    for x, text in enumerate(head):
        draw.multiline_text((GRID_GAP + beside + x * across, GRID_GAP), text, GRID_TEXT, font)
    for y, (row, text) in enumerate(zip(images, rows, strict=True)):
        begun = top + GRID_GAP + y * down
        draw.multiline_text((GRID_GAP, begun), _wrap(text, font, beside - 2 * GRID_GAP), GRID_TEXT, font)
        for x, image in enumerate(row):
            left = GRID_GAP + beside + x * across
            small = Pillow.fromarray(image).resize((width, height), Pillow.Resampling.LANCZOS)
            sheet.paste(small, (left, begun))
            draw.text((left, begun + height + 1), captions[y][x], GRID_CAPTION, font)
    return np.asarray(sheet)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
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


SHEET_FRAMES = 24  # images on a contact sheet


SHEET_CELL = 256  # pixels: longer side of an image on the sheet


SHEET_GAP, SHEET_LINE = 8, 18  # pixels: space between images, height of the label below each


SHEET_BACKGROUND, SHEET_TEXT = (24, 24, 26), (225, 225, 225)


MAX_EXIF = 65_000  # bytes: capacity of one segment of a JPEG


def most_detailed_frame(frames: Sequence[int], image: Callable[[int], Image]) -> int:
    """Return the frame with the most detail: the largest mean grey difference between neighbouring pixels.

    At most SHEET_FRAMES of them, evenly spread, are compared.
    """
    return max(pick_evenly(frames, SHEET_FRAMES), key=lambda index: _detail(image(index)))


def _detail(image: Image) -> float:
    grey = image.mean(axis=-1)
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())


def contact_sheet(reel: FrameSequence, recipe: str, label: Callable[[int], str]) -> bytes:
    """Return a JPEG of images from the whole film, each above its label; EXIF holds `recipe` if it has room."""
    seen = pick_evenly(reel.order, SHEET_FRAMES)
    scale = min(1.0, SHEET_CELL / max(reel.width, reel.height))
    small = reel.with_frames(seen).scaled_by(scale)
    wide, high = small.width + SHEET_GAP, small.height + SHEET_GAP + SHEET_LINE
    columns = min(len(seen), max(1, ceil(sqrt(len(seen) * 1.5 * high / wide))))
    rows = ceil(len(seen) / columns)
    paper = Pillow.new("RGB", (columns * wide + SHEET_GAP, rows * high + SHEET_GAP), SHEET_BACKGROUND)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(12)
    for at, (index, image) in enumerate(zip(seen, small, strict=True)):
        left, top = SHEET_GAP + at % columns * wide, SHEET_GAP + at // columns * high
        paper.paste(Pillow.fromarray(image), (left, top))
        text = label(index) if draw.textlength(label(index), font) <= small.width else str(index)
        draw.text((left, top + small.height + 2), text, SHEET_TEXT, font)
    note, data = exif_comment(recipe), io.BytesIO()
    paper.save(data, "JPEG", quality=90, **({"exif": b"Exif\0\0" + note} if len(note) < MAX_EXIF else {}))
    return data.getvalue()
