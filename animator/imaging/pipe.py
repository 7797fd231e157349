"""Pipe frames into an ffmpeg process, which is ended on failure; its own message becomes the error."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from animator.errors import ProgramError


class Pipe:
    """A running ffmpeg: `write` each image, then leave the `with` block. Raises ProgramError if ffmpeg fails."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start ffmpeg with `command`, program included. Raises ProgramError."""
        # A file, not a pipe: nothing reads ffmpeg's messages while frames are written. Closed in __exit__.
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                start_new_session=True,  # Ctrl-C must not reach ffmpeg: this process ends it
            )
        except OSError as error:
            raise ProgramError(f"ffmpeg cannot be started: {error}") from error

    def write(self, image: NDArray[np.uint8]) -> None:
        """Write one image; its size in bytes must be the one that the command declares. Raises ProgramError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(image).data)
        except OSError as error:
            raise self._failure() from error

    def __enter__(self) -> Pipe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None and not self._process.stdin.closed:
                _close(self._process.stdin)
            self._words.close()

    def _finish(self) -> None:
        assert self._process.stdin is not None
        _close(self._process.stdin)
        if self._process.wait() != 0:
            raise self._failure()

    def _failure(self) -> ProgramError:
        self._process.wait()
        self._words.seek(0)
        words = " ".join(self._words.read()[-2000:].decode("utf8", "replace").split())
        return ProgramError(
            f"ffmpeg failed with status {self._process.returncode}: {words or 'it gave no message'}"
        )


def _close(pipe: IO[bytes]) -> None:
    """Close a pipe whose reader may have exited: unwritten bytes are lost either way."""
    with suppress(OSError):
        pipe.close()
