"""Larger images of a run's frames: a folder beside `frames/`, with a journal of those that are safe on disk."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from animator.errors import RunError
from animator.frame import Image
from animator.runs.atomic import PNG_LEVEL, write_whole

JOURNAL = "journal.txt"  # one line per image: the frame's index and the file's SHA-256


class Upscaled:
    """Larger images by frame. One counts as saved if the journal names it and its file is unchanged."""

    def __init__(self, run: Path) -> None:
        """Read the journal in `run`, the run's folder. Nothing is written before the first image is saved."""
        self.folder = run / "upscaled"
        self._lock = threading.Lock()
        self.saved = {index: digest for index, digest in self._read() if _digest(self.file(index)) == digest}

    def _read(self) -> list[tuple[int, str]]:
        try:
            lines = (self.folder / JOURNAL).read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return []
        parts = [line.split() for line in lines]
        # A crash may have cut a line short.
        return [(int(part[0]), part[1]) for part in parts if len(part) == 2 and part[0].isdigit()]

    def file(self, index: int) -> Path:
        return self.folder / f"{index:09d}.png"

    def __contains__(self, index: int) -> bool:
        return index in self.saved

    def picture(self, index: int) -> Image:
        """Return the larger image of frame `index`, RGB uint8 (height, width, 3)."""
        with Pictures.open(self.file(index)) as picture:
            return np.asarray(picture.convert("RGB"))

    def save(self, index: int, image: Image) -> None:
        """Write an image, then its line in the journal. May be called from several threads. Raises RunError."""
        data = io.BytesIO()
        Pictures.fromarray(image).save(data, "PNG", compress_level=PNG_LEVEL)
        digest = hashlib.sha256(data.getvalue()).hexdigest()
        try:
            self.folder.mkdir(exist_ok=True)
            write_whole(self.file(index), data.getvalue())
            with self._lock, (self.folder / JOURNAL).open("ab") as journal:
                # On a new line, in case a crash has cut the last one short.
                journal.write(f"\n{index} {digest}\n".encode("ascii"))
                journal.flush()
                os.fsync(journal.fileno())
                self.saved[index] = digest
        except OSError as error:
            raise RunError(f"{self.folder}: frame {index} cannot be written: {error.strerror}") from error


def _digest(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None
