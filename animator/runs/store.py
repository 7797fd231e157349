"""Saved frames and their journal (a header, then one JSON line per frame), and the lock on a run's folder."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from animator.errors import RunError
from animator.frame import Image
from animator.imaging.io import open_image
from animator.runs.atomic import write_atomic
from animator.runs.metadata import encode_png

JOURNAL_NAME = "journal.jsonl"

JournalEntry = dict[
    str, Any
]  # {"frame": 3, "sha256": …, "key": fingerprint, "span": …, and measurements by name}


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock `folder` against writes by other processes. Raises RunError if another process holds the lock.

    The operating system releases the lock when a process ends, however it ends.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(f"{folder} is being rendered by another process; wait for it, or stop it") from error
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def read_journal(folder: Path) -> tuple[dict[str, Any], dict[int, JournalEntry]]:
    """Return the header, and the entries by frame; a last line that is cut short is ignored. Raises RunError."""
    try:
        lines = _parse_entries((folder / JOURNAL_NAME).read_bytes())
    except OSError as error:
        raise RunError(f"{folder} holds no run: it has no {JOURNAL_NAME}") from error
    head = lines[0] if lines else {}
    if not (isinstance(head.get("first"), int) and isinstance(head.get("stop"), int)):
        raise RunError(f"{folder}/{JOURNAL_NAME} has no header; render the schedule file again")
    return head, {line["frame"]: line for line in lines[1:] if isinstance(line.get("frame"), int)}


def repair_journal(folder: Path) -> None:
    """Terminate a last line that a crash cut short, so that the next entry starts on a new line."""
    file = folder / JOURNAL_NAME
    if not file.read_bytes().endswith(b"\n"):
        with file.open("ab") as journal:
            journal.write(b"\n")


def append_entries(folder: Path, entries: Iterable[JournalEntry]) -> None:
    """Append entries, and return when they are safe on disk. Raises OSError."""
    with (folder / JOURNAL_NAME).open("ab") as journal:
        journal.write(b"".join(map(encode_entry, entries)))
        journal.flush()
        os.fsync(journal.fileno())


def has_frames(folder: Path) -> bool:
    """True if the folder holds a run with at least one frame."""
    return (folder / JOURNAL_NAME).exists() and len(_parse_entries((folder / JOURNAL_NAME).read_bytes())) > 1


def encode_entry(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as one line of JSON."""
    return json.dumps(entry).encode("utf8") + b"\n"


def _parse_entries(journal: bytes) -> list[JournalEntry]:
    """Return the valid entries; skip lines that are cut short or foreign."""
    entries = []
    for text in journal.splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            continue
        if isinstance(entry, dict) and ("stop" in entry or "sha256" in entry):
            entries.append(entry)
    return entries


class KeyPaintings(MutableMapping[str, Image]):
    """Images by name, such as the key paintings of a 3D product, in the folder `keys` of a run.

    An image counts as saved only if its file can be read; one that is damaged is painted again.
    """

    def __init__(self, run: Path) -> None:
        """Nothing is written before the first image is saved."""
        self.folder = run / "keys"

    def __getitem__(self, name: str) -> Image:
        try:
            with open_image(self._file(name), ("PNG",)) as opened:
                return np.asarray(opened.convert("RGB"))
        except (OSError, ValueError) as error:
            raise KeyError(name) from error

    def __setitem__(self, name: str, image: Image) -> None:
        """Write an image. Raises RunError."""
        try:
            self.folder.mkdir(exist_ok=True)
            write_atomic(self._file(name), encode_png(image, {}))
        except OSError as error:
            raise RunError(f"{self._file(name)} cannot be written: {error.strerror}") from error

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return (file.stem for file in sorted(self.folder.glob("*.png")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.png"


UPSCALED_JOURNAL = "journal.txt"  # one line per image: the frame's index and the file's SHA-256


class UpscaledFrames:
    """Larger images by frame. One counts as saved if the journal names it and its file is unchanged."""

    def __init__(self, run: Path) -> None:
        """Read the journal in `run`, the run's folder. Nothing is written before the first image is saved."""
        self.folder = run / "upscaled"
        self._lock = threading.Lock()
        self.saved = {
            index: digest for index, digest in self._read() if _file_digest(self.image_file(index)) == digest
        }

    def _read(self) -> list[tuple[int, str]]:
        try:
            lines = (
                (self.folder / UPSCALED_JOURNAL).read_text(encoding="ascii", errors="replace").splitlines()
            )
        except OSError:
            return []
        parts = [line.split() for line in lines]
        # A crash may have cut a line short.
        return [(int(part[0]), part[1]) for part in parts if len(part) == 2 and part[0].isdigit()]

    def image_file(self, index: int) -> Path:
        return self.folder / f"{index:09d}.png"

    def __contains__(self, index: int) -> bool:
        return index in self.saved

    def image(self, index: int) -> Image:
        """Return the larger image of frame `index`, RGB uint8 (height, width, 3)."""
        with open_image(self.image_file(index), ("PNG",)) as opened:
            return np.asarray(opened.convert("RGB"))

    def save(self, index: int, image: Image) -> None:
        """Write an image, then its line in the journal. May be called from several threads. Raises RunError."""
        data = encode_png(image, {})
        digest = hashlib.sha256(data).hexdigest()
        try:
            self.folder.mkdir(exist_ok=True)
            write_atomic(self.image_file(index), data)
            with self._lock, (self.folder / UPSCALED_JOURNAL).open("ab") as journal:
                # On a new line, in case a crash has cut the last one short.
                journal.write(f"\n{index} {digest}\n".encode("ascii"))
                journal.flush()
                os.fsync(journal.fileno())
                self.saved[index] = digest
        except OSError as error:
            raise RunError(f"{self.folder}: frame {index} cannot be written: {error.strerror}") from error


def _file_digest(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None
