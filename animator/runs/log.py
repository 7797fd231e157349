"""A run's log: what happened, a line each; every command that works on the run writes at its end."""

from __future__ import annotations

from pathlib import Path

from animator.errors import RunError

NAME = "run.log"


class Log:
    """The log in a run's folder."""

    def __init__(self, folder: Path) -> None:
        """Raises RunError where it cannot be written."""
        try:
            self._stream = (folder / NAME).open("a", encoding="utf8", errors="backslashreplace")
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}") from error

    def write(self, text: str) -> None:
        """Append a line, for others to see at once; a full disk is told by the frames that it does not take."""
        try:
            self._stream.write(text.rstrip("\n") + "\n")
            self._stream.flush()
        except OSError:
            return

    def close(self) -> None:
        self._stream.close()
