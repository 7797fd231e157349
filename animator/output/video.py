"""The ffmpeg command (data) and the pipe that runs it."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from animator.audio.track import Sound
from animator.errors import ProgramError
from animator.ffmpeg import program
from animator.frame import Image


@dataclass(frozen=True, slots=True)
class Format:
    """What the video is: size in pixels (even), frames per second, x264's quality (0 best … 51 worst), its sound."""

    width: int
    height: int
    fps: float
    crf: int = 17
    sound: Sound | None = None


def command(program: str, video: Format, metadata: Path, target: Path) -> list[str]:
    """The ffmpeg command that reads raw RGB frames from its standard input and writes an MP4."""
    return [
        program, "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{video.width}x{video.height}", "-r", rate(video.fps),
        "-i", "pipe:0",
        "-i", str(metadata),
        *_input(video.sound),
        "-map_metadata", "1", "-map", "0:v",
        *_heard(video.sound),
        # The matrix is named: left out, RGB is converted by the rules of standard-definition television.
        "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p"
        # Said to the filter, since what its pictures carry wins over the options of the encoder.
        ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv",
        "-c:v", "libx264", "-preset", "medium", "-crf", str(video.crf),
        "-movflags", "+faststart", "-f", "mp4", str(target),
    ]  # fmt: skip


def _input(sound: Sound | None) -> list[str]:
    """The track as a further input, from where the film begins; it may not fetch anything from elsewhere."""
    if sound is None:
        return []
    return ["-protocol_whitelist", "file", "-ss", f"{sound.start:.6f}", "-i", f"file:{sound.file}"]


def _heard(sound: Sound | None) -> list[str]:
    """The track as a stream of the video."""
    if sound is None:
        return []
    # As long as the pictures to the sample: cut where the track is longer, silent where it is shorter.
    exact = f"atrim=duration={sound.seconds:.6f},apad=whole_dur={sound.seconds:.6f}"
    return ["-map", "2:a:0", "-af", exact, "-c:a", "aac", "-b:a", "192k"]


def rate(fps: float) -> str:
    """Frames per second as ffmpeg's exact fraction: 23.976 means 24000/1001, not 23976/1000."""
    whole = round(fps * 1.001)  # broadcast's rates, and their multiples: 23.976, 29.97, 59.94, 47.952 …
    if whole % 6 == 0 and abs(fps - whole * 1000 / 1001) < 0.001:
        return f"{whole * 1000}/1001"
    fraction = Fraction(fps).limit_denominator(1001)
    return f"{fraction.numerator}/{fraction.denominator}"


def metadata(comment: str) -> str:
    """An ffmetadata file that carries `comment`; its special characters are escaped."""
    escaped = "".join(f"\\{char}" if char in "=;#\\\n" else char for char in comment)
    return f";FFMETADATA1\ncomment={escaped}\n"


class Video:
    """A video being written: `write` each picture, then leave the `with` block.

    The file appears under its name when it is complete; until then it has a draft name beside it. After an
    error the draft is removed. Raises ProgramError with ffmpeg's own words when it fails.
    """

    def __init__(self, target: Path, video: Format, comment: str = "") -> None:
        self.target, self.video = target, video
        self.draft = target.with_name(f".{target.name}.draft")
        self._notes = tempfile.TemporaryDirectory(prefix="animator-")
        tags = Path(self._notes.name, "metadata.txt")
        tags.write_text(metadata(comment), encoding="utf8")
        # Not a pipe: nobody reads ffmpeg's words while frames are written. It lives as long as the process.
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                command(program(), video, tags, self.draft),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                start_new_session=True,  # Ctrl-C is for us: we end ffmpeg ourselves
            )
        except OSError as error:
            raise ProgramError(f"ffmpeg cannot be started: {error}") from error

    def write(self, image: Image) -> None:
        """Append one RGB picture of the video's size."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(image).data)
        except OSError as error:
            raise self._failure() from error

    def __enter__(self) -> Video:
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
            self._notes.cleanup()
            self.draft.unlink(missing_ok=True)

    def _finish(self) -> None:
        assert self._process.stdin is not None
        _close(self._process.stdin)
        if self._process.wait() != 0:
            raise self._failure()
        self.draft.replace(self.target)

    def _failure(self) -> ProgramError:
        self._process.wait()
        self._words.seek(0)
        words = " ".join(self._words.read()[-2000:].decode("utf8", "replace").split())
        return ProgramError(
            f"ffmpeg failed with status {self._process.returncode}: {words or 'it said nothing'}"
        )


def _close(pipe: IO[bytes]) -> None:
    """Close a pipe whose reader may be gone: what was not yet written is lost either way."""
    with suppress(OSError):
        pipe.close()


def rehearse(video: Format, folder: Path) -> None:
    """Encode two pictures as `video` will be, and throw them away. Raises ProgramError.

    What is wrong with ffmpeg shows before a night's work, not after it.
    """
    with tempfile.TemporaryDirectory(prefix=".ffmpeg-", dir=folder) as trial:
        picture = np.zeros((video.height, video.width, 3), np.uint8)
        with Video(Path(trial, "trial.mp4"), video) as sink:
            sink.write(picture)
            sink.write(picture)
