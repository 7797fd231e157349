"""A video as a stream of pictures: one for each frame of the film, none of them kept."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animator.frame import Image
from animator.imaging.ffmpeg import program

_QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin")
_INPUT = ("-protocol_whitelist", "file")  # a playlist may not fetch anything
SECONDS = 120  # that reading a head may take
INDEXED = {
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
}  # the others can be a shot's length off where they seek to
MARGIN = 1.0  # seconds by which a seek stays in front of the picture that is wanted


@dataclass(frozen=True, slots=True)
class Film:
    """A video seen at a size and a rate, from `start` seconds on."""

    file: Path
    width: int
    height: int
    fps: float
    start: float = 0.0


def pictures(film: Film, skip: int = 0, hold: bool = False) -> Iterator[Image]:
    """The video's pictures at the film's rate, scaled to cover its size and cropped; `skip` of them left out.

    After the last one they end, or with `hold` it stays for ever. Those after a skip are bit for bit what they are
    without one. Raises ValueError where there is none.
    """
    found = False
    with subprocess.Popen(
        _command(film, skip, hold),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us: we end ffmpeg ourselves
    ) as process:
        assert process.stdout is not None
        size = film.width * film.height * 3
        try:
            while len(data := process.stdout.read(size)) == size:
                found = True
                yield np.frombuffer(data, np.uint8).reshape(film.height, film.width, 3)
        finally:
            process.kill()
    if not found:
        raise ValueError("ffmpeg finds no picture in it")


def _command(film: Film, skip: int, hold: bool) -> list[str]:
    """The command for ffmpeg: after a seek, pictures keep their times in the video, and are counted by those."""
    at = film.start + skip / film.fps - MARGIN if film.file.suffix.lower() in INDEXED else 0.0
    # Behind the end there is no picture to seek to, but the last one is still wanted.
    at = min(at, length(film.file) - MARGIN) if at > 0 else 0.0
    # From the picture before that place on which decoding can begin: what is on screen there may be long.
    seek = ("-noaccurate_seek", "-ss", f"{at:.6f}") if at > 0 else ()
    stays = ("tpad=stop=-1:stop_mode=clone",) if hold else ()
    steps = (
        f"fps={film.fps}:start_time={film.start:.6f}",
        *stays,
        *((f"trim=start_frame={skip}",) if skip else ()),
        f"scale={film.width}:{film.height}:force_original_aspect_ratio=increase",
        f"crop={film.width}:{film.height}",
        "format=rgb24",
    )
    return [
        program(), *_QUIET, *_INPUT, *seek, "-copyts", "-start_at_zero", "-i", f"file:{film.file}", "-map", "0:v:0",
        "-vf", ",".join(steps), "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip


def length(file: Path) -> float:
    """How long the video is, in seconds: its packets are counted, its pictures not decoded. Raises ValueError."""
    # One picture is decoded, so that what cannot be is found here.
    first = ["-map", "0:v:0", "-frames:v", "1", "-f", "null", "-"]
    packets = ["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    command = [program(), *_QUIET, *_INPUT, "-i", f"file:{file}"]
    _run([*command, *first])
    text = _run([*command, *packets]).decode("ascii", "replace")
    unit = re.search(r"^#tb 0: (\d+)/(\d+)", text, re.M)
    # Stream, time to decode it, time to show it, duration, size, checksum.
    shown = np.array([line.split(",")[2:4] for line in text.splitlines() if line[:1] == "0"], np.float64)
    if unit is None or not len(shown):
        raise ValueError("ffmpeg finds no picture in it")
    ticks = shown.sum(axis=1).max() - shown[:, 0].min()
    return float(ticks) * int(unit[1]) / int(unit[2])


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(error) from error
    if done.returncode != 0:
        words = done.stderr.decode("utf8", "replace").strip().partition("\n")[0]
        raise ValueError(re.sub(r"^\[.*?\] ", "", words)[:200] or "ffmpeg said nothing")
    return done.stdout
