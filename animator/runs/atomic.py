"""Files that are there whole or not at all, and what is in them: pictures with texts inside, tables."""

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

LONG = 1_000  # characters of a text that is stored compressed
PNG_LEVEL = 1  # of zlib: level 6 takes four times as long for a tenth less space


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_whole(file: Path, data: bytes) -> None:
    """Write `file` so that it never exists in part: under a draft name, to the disk, then renamed."""
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def write_into(file: Path, data: bytes) -> None:
    """The same in a folder that is made where it is missing. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, data)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The frame table as CSV, one line per frame, nested sections as `section.name` columns."""
    flattened = [flat(dict(row)) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flattened[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flattened)
    return text.getvalue()


def png(image: NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """An RGB or RGBA picture as a PNG with `texts` inside, by keyword; the same ones are the same bytes."""
    info = PngInfo()
    for key, text in texts.items():
        long = len(text) > LONG
        info.add_text(key, text, zip=long) if text.isascii() else info.add_itxt(key, text, zip=long)
    data = io.BytesIO()
    Pictures.fromarray(image).save(data, "PNG", pnginfo=info, compress_level=PNG_LEVEL)
    return data.getvalue()
