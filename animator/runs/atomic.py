"""Atomic file writes, PNGs with metadata, and CSV tables."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL.PngImagePlugin import PngInfo

from animator.runs.metadata import flat

LONG = 1_000  # characters; a longer text is stored compressed
PNG_LEVEL = 1  # zlib compression level: level 6 takes four times as long and saves a tenth


def sha(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def write_whole(file: Path, data: bytes) -> None:
    """Write `file` atomically: under a draft name, flushed to the disk, then renamed. Raises OSError."""
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def write_into(file: Path, data: bytes) -> None:
    """Write `file` atomically, after creating its folder where that is missing. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, data)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the frame table as CSV: one line per frame, nested sections as `section.name` columns."""
    flattened = [flat(dict(row)) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flattened[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flattened)
    return text.getvalue()


def png(image: NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """Encode an RGB or RGBA uint8 image as a PNG with `texts` by keyword. Equal input gives equal bytes."""
    info = PngInfo()
    for key, text in texts.items():
        long = len(text) > LONG
        info.add_text(key, text, zip=long) if text.isascii() else info.add_itxt(key, text, zip=long)
    data = io.BytesIO()
    Pictures.fromarray(image).save(data, "PNG", pnginfo=info, compress_level=PNG_LEVEL)
    return data.getvalue()
