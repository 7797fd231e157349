"""Atomic file writes: a file appears under its name only when it is complete and on the disk."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def draft_file(file: Path) -> Iterator[Path]:
    """Give a draft path beside `file` to write to; afterwards flush it to the disk and rename it to `file`.

    After an error the draft is removed, and `file` stays as it was. Raises OSError.
    """
    draft = file.with_name(f".{file.name}.draft")
    try:
        yield draft
        with draft.open("rb+") as stream:
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def write_atomic(file: Path, data: bytes) -> None:
    """Write `data` to `file` atomically. Raises OSError."""
    with draft_file(file) as draft:
        draft.write_bytes(data)


def write_with_parents(file: Path, data: bytes) -> None:
    """Write `file` atomically, after creating its folder where that is missing. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, data)


ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed date: equal frames give an equal file whenever it is written


def write_zip(target: Path, frames: Iterable[tuple[str, bytes]], texts: Mapping[str, str]) -> None:
    """Write `frames` (name, content) and `texts` by name into the ZIP file `target`, atomically. Raises OSError."""
    with draft_file(target) as draft, zipfile.ZipFile(draft, "w") as file:
        for name, data in frames:  # PNGs are compressed already
            file.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data, zipfile.ZIP_STORED)
        for name, text in texts.items():
            file.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), text, zipfile.ZIP_DEFLATED)
