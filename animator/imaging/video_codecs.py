"""The ffmpeg program: its location, the encoders it has, video codecs and their quality, frames piped into it.

A process is ended on failure, and its own message becomes the error.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from animator.errors import ProgramError, one_line


def ffmpeg_path() -> str:
    """Return ffmpeg's path: IMAGEIO_FFMPEG_EXE, or the binary bundled with imageio-ffmpeg. Raises ProgramError."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ProgramError(
            f"ffmpeg not found: {error}; run: pip install --force-reinstall imageio-ffmpeg"
        ) from error


@lru_cache(maxsize=4)
def available_encoders(ffmpeg: str) -> frozenset[str]:
    """Return the names of the encoders of the program `ffmpeg`, or an empty set if it does not list them."""
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", "-encoders"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    # A line is "V....D libx264  libx264 H.264 …", after a legend that ends with a line of dashes.
    lines = said.partition("------")[2].splitlines()
    return frozenset(words[1] for words in map(str.split, lines) if len(words) > 1)


QUALITIES = ("draft", "good", "best")

FILM_CODECS = ("h264", "h265", "av1")  # codecs of the film itself, which is an MP4

_X26 = {"draft": "veryfast", "good": "medium", "best": "slow"}

_SVT = {"draft": "10", "good": "7", "best": "4"}

_AOM = {"draft": "8", "good": "6", "best": "4"}

_VPX = {"draft": "5", "good": "3", "best": "1"}


@dataclass(frozen=True, slots=True)
class Codec:
    """Encoding options of one codec.

    `encoders`: ffmpeg's encoder names, the best first, each with its arguments for every quality name.
    `crf`: the CRF of each quality name, from 0 (best) to `worst`; empty for a codec without CRF.
    """

    label: str
    container: str  # ffmpeg's name of the container, and the file's extension
    pixel_format: str  # ffmpeg's name of the pixel format
    encoders: Mapping[str, Mapping[str, Sequence[str]]]
    sound: Sequence[str]
    crf: Mapping[str, int] = field(default_factory=dict)
    max_crf: int = 0
    alpha: bool = False
    tag: str = ""  # the codec tag that players expect, where it is not ffmpeg's default


def _quality_arguments(name: str, words: Mapping[str, str], *more: str) -> dict[str, Sequence[str]]:
    return {word: (*more, name, value) for word, value in words.items()}


_AAC = ("aac", "-b:a", "192k")

_OPUS = ("libopus", "-b:a", "160k")

_X264_CRF = {"draft": 28, "good": 17, "best": 12}  # x264's CRF: 17 looks like the source at a glance

_VP9 = {"libvpx-vp9": _quality_arguments("-cpu-used", _VPX, "-b:v", "0", "-row-mt", "1", "-deadline", "good")}

_PRORES = {"prores_ks": dict.fromkeys(QUALITIES, ("-profile:v", "4444", "-vendor", "apl0"))}

_AV1 = {
    "libsvtav1": _quality_arguments("-preset", _SVT),
    "libaom-av1": _quality_arguments("-cpu-used", _AOM, "-b:v", "0", "-row-mt", "1"),
}

CODECS = {
    "h264": Codec("H.264", "mp4", "yuv420p", {"libx264": _quality_arguments("-preset", _X26)}, _AAC, _X264_CRF, 51),
    "h265": Codec(
        "H.265 (HEVC)",
        "mp4",
        "yuv420p",
        {"libx265": _quality_arguments("-preset", _X26, "-x265-params", "log-level=error")},
        _AAC,
        {"draft": 32, "good": 21, "best": 15},
        51,
        tag="hvc1",  # the only tag that Apple's players accept
    ),
    "av1": Codec("AV1", "mp4", "yuv420p", _AV1, _AAC, {"draft": 45, "good": 24, "best": 14}, 63),
    "vp9": Codec("VP9", "webm", "yuv420p", _VP9, _OPUS, {"draft": 45, "good": 22, "best": 12}, 63),
    "vp9-alpha": Codec(
        "VP9 with transparency", "webm", "yuva420p", _VP9, _OPUS, {"draft": 45, "good": 22, "best": 12}, 63, True
    ),
    "prores": Codec("ProRes 4444", "mov", "yuv444p10le", _PRORES, ("pcm_s16le",)),
    "prores-alpha": Codec(
        "ProRes 4444 with transparency", "mov", "yuva444p10le", _PRORES, ("pcm_s16le",), alpha=True
    ),
}  # fmt: skip


def pick_encoder(name: str) -> str:
    """Return the first encoder of codec `name` that ffmpeg has. Raises ProgramError, which lists other codecs."""
    wanted, had = CODECS[name].encoders, available_encoders(ffmpeg_path())
    # An ffmpeg that does not list its encoders is tried: a missing encoder then fails at run time.
    found = next((one for one in wanted if one in had), None if had else next(iter(wanted)))
    if found is None:
        others = [other for other in CODECS if other != name and set(CODECS[other].encoders) & had]
        instead = f"; it can write {', '.join(others)}" if others else ""
        raise ProgramError(
            f"this ffmpeg cannot write {CODECS[name].label}: it has no {' or '.join(wanted)}{instead}"
        )
    return found


class FfmpegPipe:
    """A running ffmpeg: `write` each image, then leave the `with` block. Raises ProgramError if ffmpeg fails."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start ffmpeg with `command`, program included. Raises ProgramError."""
        # A file, not a pipe: nothing reads ffmpeg's messages while frames are written. Closed in __exit__.
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._messages,
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

    def __enter__(self) -> FfmpegPipe:
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
                _close_quietly(self._process.stdin)
            self._messages.close()

    def _finish(self) -> None:
        assert self._process.stdin is not None
        _close_quietly(self._process.stdin)
        if self._process.wait() != 0:
            raise self._failure()

    def _failure(self) -> ProgramError:
        self._process.wait()
        self._messages.seek(0)
        words = one_line(self._messages.read()[-2000:].decode("utf8", "replace"))
        return ProgramError(
            f"ffmpeg failed with status {self._process.returncode}: {words or 'it gave no message'}"
        )


def _close_quietly(pipe: IO[bytes]) -> None:
    """Close a pipe whose reader may have exited: unwritten bytes are lost either way."""
    with suppress(OSError):
        pipe.close()
