"""Atomic file writes, PNGs with metadata, and CSV tables.

A film's frames in one ZIP file, for programs that read a sequence of PNGs.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path


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


EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal frames give an equal file whenever it is written


def archive(target: Path, pictures: Iterable[tuple[str, bytes]], beside: Mapping[str, str]) -> None:
    """Write `pictures` (name, content) and the texts `beside` them into the ZIP file `target`. Raises OSError.

    The file appears under its name only when it is complete.
    """
    draft = target.with_name(f".{target.name}.draft")
    try:
        with zipfile.ZipFile(draft, "w") as file:
            for name, data in pictures:  # PNGs are compressed already
                file.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_STORED)
            for name, text in beside.items():
                file.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
