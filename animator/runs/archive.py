"""A film's pictures in one file, for programs that take a sequence of PNGs."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same pictures are the same file, whenever it is made


def archive(target: Path, pictures: Iterable[tuple[str, bytes]], beside: Mapping[str, str]) -> None:
    """Write `pictures` (name, content) and the texts `beside` them as the ZIP file `target`, once it is complete."""
    draft = target.with_name(f".{target.name}.draft")
    try:
        with zipfile.ZipFile(draft, "w") as file:
            for name, data in pictures:  # PNGs: there is nothing left to compress
                file.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_STORED)
            for name, text in beside.items():
                file.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
