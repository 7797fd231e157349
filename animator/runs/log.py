"""A run's log: one line per event. Every command that works on the run appends to it."""

from __future__ import annotations

from pathlib import Path

from animator.errors import RunError

NAME = "run.log"


class Log:
    """The log file in a run's folder."""

    def __init__(self, folder: Path) -> None:
        """Open the log for appending. Raises RunError where it cannot be written."""
        try:
            self._stream = (folder / NAME).open("a", encoding="utf8", errors="backslashreplace")
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}") from error

    def write(self, text: str) -> None:
        """Append a line, readable at once. Errors are ignored: on a full disk, saving a frame raises."""
        try:
            self._stream.write(text.rstrip("\n") + "\n")
            self._stream.flush()
        except OSError:
            return

    def close(self) -> None:
        self._stream.close()
