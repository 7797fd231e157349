"""Read images and videos.

Every image file, whoever made it, is opened by `open_image`: a fixed list of formats, limits on bytes and pixels.
A video is read as a stream of images, one for each frame of the film, without keeping any.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import subprocess
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from animator.frame import Image
from animator.imaging.video_codecs import ffmpeg_path

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


# Pillow tries no other decoder. Its decoder of PostScript, for one, runs the file as a program.
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")

MAX_IMAGE_BYTES = 1_000_000_000  # of a file

MAX_IMAGE_PIXELS = 8192 * 8192  # as many as the largest frame of a film has

_DEEP_MODES = ("I", "F")  # first letters of Pillow's modes of more than 8 bits, all of them grey

_BITS_TAG, _SAMPLE_FORMAT_TAG, _UNSIGNED = 258, 339, 1  # of a TIFF

# Pillow raises these for damaged files, and ValueError.
_DAMAGE = (
    *(OSError, SyntaxError, LookupError, TypeError, ArithmeticError, AttributeError, EOFError),
    *(RuntimeError, Warning, struct.error, zlib.error),
)

# It also warns of damage that it can read past, in two lines that name its own source.
warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def open_image(file: Path | bytes, formats: tuple[str, ...] = IMAGE_FORMATS) -> Iterator[Pillow.Image]:
    """Open an image file in one of Pillow's `formats` and read its header; pixels are decoded inside the block.

    `file` may be the content of one that is embedded in another file. Of an animation, the first image is read.
    Raises OSError if the file cannot be opened, and ValueError if it is not a regular file, has another format, is too
    large, or turns out to be damaged inside the block.
    """
    name = file.name if isinstance(file, Path) else "the embedded image"
    with _open_regular(file) if isinstance(file, Path) else io.BytesIO(file) as stream:
        try:
            image = Pillow.open(stream, formats=formats)
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
            raise ValueError(_too_many_pixels(name)) from error
        except (*_DAMAGE, ValueError) as error:
            known = ", ".join("WebP" if name == "WEBP" else name for name in formats)
            raise ValueError(f"{name} is broken, or not an image ({known}); save it as PNG") from error
        with image:
            if image.width * image.height > MAX_IMAGE_PIXELS:
                raise ValueError(_too_many_pixels(name))
            try:
                yield image
            except _DAMAGE as error:
                reason = " ".join(str(error).split())[:120]
                raise ValueError(f"{name} is damaged, save it again: {reason}") from error


def _open_regular(file: Path) -> BinaryIO:
    """Open a file for reading; a pipe or device is refused without waiting for it. Raises OSError, ValueError."""
    flag = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its writer
    stream = open(file, "rb", opener=lambda path, flags: os.open(path, flags | flag))  # noqa: SIM115
    facts = os.fstat(stream.fileno())
    if stat.S_ISREG(facts.st_mode) and facts.st_size <= MAX_IMAGE_BYTES:
        return stream
    stream.close()
    if stat.S_ISREG(facts.st_mode):
        raise ValueError(f"{file.name} has {facts.st_size:,} bytes, at most {MAX_IMAGE_BYTES:,} are read")
    raise ValueError(f"{file.name} is not a regular file")


def _too_many_pixels(name: str) -> str:
    limit = f"more than {MAX_IMAGE_PIXELS:,} pixels, as a decompression bomb has"
    return f"{name} has {limit}; scale it down"


def is_deep(image: Pillow.Image) -> bool:
    """Return whether an image has more than 8 bits per channel, which only grey ones keep when they are read."""
    return image.mode.startswith(_DEEP_MODES)


def to_eight_bit(image: Pillow.Image) -> Pillow.Image:
    """Return an open image upright, as its EXIF orientation says, as RGB, or as RGBA if it has transparency."""
    upright = ImageOps.exif_transpose(image)
    if not is_deep(image):
        return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    levels, top = _deep_levels(upright, image)
    grey = Pillow.fromarray((levels * 255 / top + 0.5).astype(np.uint8))
    if not isinstance(key := image.info.get("transparency"), int):
        return grey.convert("RGB")
    alpha = Pillow.fromarray(np.where(levels == key, np.uint8(0), np.uint8(255)))
    return Pillow.merge("RGBA", (grey, grey, grey, alpha))


def to_grey(image: Pillow.Image) -> NDArray[np.float32]:
    """Return the grey of an open image upright, 0..1 float32 (height, width), at the precision that the file has."""
    upright = ImageOps.exif_transpose(image)
    if not is_deep(image):
        return np.asarray(upright.convert("L"), np.float32) / np.float32(255)
    levels, top = _deep_levels(upright, image)
    return levels.astype(np.float32) / np.float32(top)


def _deep_levels(upright: Pillow.Image, opened: Pillow.Image) -> tuple[NDArray[np.float64], float]:
    """Return the grey levels of an image of more than 8 bits, without negative ones, and the level of white.

    Files of 32 bits do not tell their range: white is the smallest usual one that is not below any pixel.
    """
    tags = getattr(opened, "tag_v2", {})
    raw = np.asarray(upright)
    if upright.mode == "I" and tags.get(_SAMPLE_FORMAT_TAG, (_UNSIGNED,))[0] == _UNSIGNED:
        raw = raw.view(np.uint32)  # Pillow has no unsigned mode
    levels = np.clip(np.nan_to_num(raw.astype(np.float64), posinf=0.0), 0.0, None)
    if upright.mode.startswith("I;16"):
        return levels, 2.0 ** tags.get(_BITS_TAG, (16,))[0] - 1
    if opened.format == "PNG":
        return levels, 65535.0
    most = float(levels.max())
    usual = (1.0, 255.0, 65535.0) if upright.mode == "F" else (255.0, 65535.0, 2.0**32 - 1)
    return levels, next((top for top in usual if most <= top), most)


def read_image(file: Path, width: int, height: int) -> Image:
    """Return the image in `file` on white, scaled to cover width x height and cropped: RGB uint8 (height, width, 3).

    It is rotated as its EXIF orientation says, and cropped in the middle. Raises OSError, ValueError.
    """
    with open_image(file) as opened:
        image = to_eight_bit(opened)
    return fit_image(lay_on(image, "white"), width, height)


def lay_on(image: Pillow.Image, color: str) -> Pillow.Image:
    """Return an RGB or RGBA image as RGB, its transparent parts on a colour.

    convert("RGB") would show the hidden colours of transparent pixels.
    """
    if image.mode == "RGB":
        return image
    return Pillow.alpha_composite(Pillow.new("RGBA", image.size, color), image).convert("RGB")


def fit_image(image: Pillow.Image, width: int, height: int) -> NDArray[np.uint8]:
    """Return an image scaled to cover width x height and cropped in the middle."""
    if image.size == (width, height):
        return np.asarray(image)
    # Start images and masks share the filter, so that they match to the pixel; its ringing is clipped to 0..255.
    return np.asarray(ImageOps.fit(image, (width, height), Pillow.Resampling.LANCZOS))


def verify_image(file: Path) -> None:
    """Read the header of an image file. Raises OSError, ValueError if it is not a readable image."""
    with open_image(file):
        pass
