"""Atomic file writes: a file is whole or absent, even after a crash; frames of a film in one ZIP file."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def write_atomic(file: Path, data: bytes) -> None:
    """Write `file` atomically: under a draft name, flushed to the disk, then renamed. Raises OSError."""
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def write_with_parents(file: Path, data: bytes) -> None:
    """Write `file` atomically, after creating its folder where that is missing. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, data)


ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal frames give an equal file whenever it is written


def write_zip(target: Path, frames: Iterable[tuple[str, bytes]], texts: Mapping[str, str]) -> None:
    """Write `frames` (name, content) and the texts `texts` them into the ZIP file `target`. Raises OSError.

    The file appears under its name only when it is complete.
    """
    draft = target.with_name(f".{target.name}.draft")
    try:
        with zipfile.ZipFile(draft, "w") as file:
            for name, data in frames:  # PNGs are compressed already
                file.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data, zipfile.ZIP_STORED)
            for name, text in texts.items():
                file.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), text, zipfile.ZIP_DEFLATED)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
