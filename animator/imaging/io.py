"""Read images and videos.

Read a video as a stream of images, one for each frame of the film, without keeping any.

Read image files as arrays of a given size.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageOps

from animator.frame import Image
from animator.imaging.ffmpeg import ffmpeg_path

_QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin")

_INPUT = ("-protocol_whitelist", "file")  # a playlist must not fetch anything

PROBE_TIMEOUT = 120  # time limit for reading a header

SEEKABLE = {
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
}  # seeking in other containers can be off by the length of a shot

SEEK_MARGIN = 1.0  # seconds by which a seek stays before the wanted image


@dataclass(frozen=True, slots=True)
class VideoSource:
    """A video file with the size (pixels) and the frame rate to read it at, from `start` seconds on."""

    file: Path
    width: int
    height: int
    fps: float
    start: float = 0.0


def read_frames(film: VideoSource, skip: int = 0, hold: bool = False) -> Iterator[Image]:
    """Yield the video's images at its frame rate, scaled to cover its size and cropped, without the first `skip`.

    Each is RGB uint8 (height, width, 3). They end with the video; with `hold` the last one repeats endlessly. Images
    after a skip are bit for bit those of a read from the beginning. Raises ValueError if there is no image.
    """
    found = False
    with subprocess.Popen(
        _read_command(film, skip, hold),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C must not reach ffmpeg: this process ends it
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
        raise ValueError("ffmpeg finds no images in it")


def _read_command(film: VideoSource, skip: int, hold: bool) -> list[str]:
    """Return the ffmpeg command; after a seek images keep their timestamps, by which they are selected."""
    at = film.start + skip / film.fps - SEEK_MARGIN if film.file.suffix.lower() in SEEKABLE else 0.0
    # There is no image to seek to after the end, but the last one is still wanted.
    at = min(at, duration(film.file) - SEEK_MARGIN) if at > 0 else 0.0
    # Start at the keyframe before that time: the image visible at it may have begun long before.
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
        ffmpeg_path(), *_QUIET, *_INPUT, *seek, "-copyts", "-start_at_zero",
        "-i", f"file:{film.file}", "-map", "0:v:0",
        "-vf", ",".join(steps), "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip


def duration(file: Path) -> float:
    """Return the video's length in seconds, from its packets without decoding them. Raises ValueError."""
    # One image is decoded, so that a file that cannot be decoded is found here.
    first = ["-map", "0:v:0", "-frames:v", "1", "-f", "null", "-"]
    packets = ["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    command = [ffmpeg_path(), *_QUIET, *_INPUT, "-i", f"file:{file}"]
    _run_ffmpeg([*command, *first])
    text = _run_ffmpeg([*command, *packets]).decode("ascii", "replace")
    unit = re.search(r"^#tb 0: (\d+)/(\d+)", text, re.M)
    # Stream, time to decode it, time to show it, duration, size, checksum.
    shown = np.array([line.split(",")[2:4] for line in text.splitlines() if line[:1] == "0"], np.float64)
    if unit is None or not len(shown):
        raise ValueError("ffmpeg finds no images in it")
    ticks = shown.sum(axis=1).max() - shown[:, 0].min()
    return float(ticks) * int(unit[1]) / int(unit[2])


def _run_ffmpeg(command: list[str]) -> bytes:
    """Return the output of `command`. Raises ValueError with ffmpeg's message if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=PROBE_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(error) from error
    if done.returncode != 0:
        words = done.stderr.decode("utf8", "replace").strip().partition("\n")[0]
        raise ValueError(re.sub(r"^\[.*?\] ", "", words)[:200] or "ffmpeg gave no message")
    return done.stdout


def read_image(file: Path, width: int, height: int) -> Image:
    """Return the image in `file` on white, scaled to cover width x height and cropped: RGB uint8 (height, width, 3).

    It is rotated as its EXIF orientation says, and cropped in the middle. Raises OSError, ValueError.
    """
    try:
        with Pictures.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
    # A cut-out product is put on white, as in designers' files; convert("RGB") would show the hidden colours of
    # transparent pixels.
    paper = Pictures.alpha_composite(Pictures.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if paper.size == (width, height):
        return np.asarray(paper)
    return np.asarray(ImageOps.fit(paper, (width, height), Pictures.Resampling.LANCZOS))


def verify_image(file: Path) -> None:
    """Read the header of an image file. Raises OSError, ValueError if it is not a readable image."""
    try:
        Pictures.open(file).close()
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
