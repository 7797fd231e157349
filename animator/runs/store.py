"""A run's journal (a header, then one JSON line per saved frame), and the lock on a run's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from animator.errors import RunError

NAME = "journal.jsonl"
Entry = dict[str, Any]  # {"frame": 3, "sha256": …, "key": fingerprint, "span": …, and measurements by name}


@contextmanager
def held(folder: Path) -> Iterator[None]:
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


def read(folder: Path) -> tuple[dict[str, Any], dict[int, Entry]]:
    """Return the header, and the entries by frame; a last line that is cut short is ignored. Raises RunError."""
    try:
        lines = _lines((folder / NAME).read_bytes())
    except OSError as error:
        raise RunError(f"{folder} holds no run: it has no {NAME}") from error
    head = lines[0] if lines else {}
    if not (isinstance(head.get("first"), int) and isinstance(head.get("stop"), int)):
        raise RunError(f"{folder}/{NAME} has no header; render the schedule file again")
    return head, {line["frame"]: line for line in lines[1:] if isinstance(line.get("frame"), int)}


def mend(folder: Path) -> None:
    """Terminate a last line that a crash cut short, so that the next entry starts on a new line."""
    file = folder / NAME
    if not file.read_bytes().endswith(b"\n"):
        with file.open("ab") as journal:
            journal.write(b"\n")


def append(folder: Path, entries: Iterable[Entry]) -> None:
    """Append entries, and return when they are safe on disk. Raises OSError."""
    with (folder / NAME).open("ab") as journal:
        journal.write(b"".join(map(line, entries)))
        journal.flush()
        os.fsync(journal.fileno())


def begun(folder: Path) -> bool:
    """True if the folder holds a run with at least one frame."""
    return (folder / NAME).exists() and len(_lines((folder / NAME).read_bytes())) > 1


def line(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as one line of JSON."""
    return json.dumps(entry).encode("utf8") + b"\n"


def _lines(journal: bytes) -> list[Entry]:
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
