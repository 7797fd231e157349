"""Animated GIF and WebP files, also under a maximum file size, with the film's recipe embedded."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from animator.errors import RunError
from animator.imaging.resize import resize_rgba
from animator.imaging.video_codecs import FfmpegPipe, ffmpeg_path
from animator.timeline.cadence import pick_evenly

GIF_MAX_FPS = 50.0  # images per second: browsers take a faster rate for a mistake and slow it down

WEBP_MAX_FPS = 100.0

PALETTE_SAMPLES = 48  # images that the palette is computed from

_FFMPEG_OPTIONS = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")

_DITHER = {"draft": "bayer:bayer_scale=4", "good": "sierra2_4a", "best": "sierra2_4a"}

_WEBP = {"draft": ("60", "2"), "good": ("82", "4"), "best": ("95", "6")}  # quality 0..100, effort 0..6


def gif(reel: FrameSequence, recipe: str, endless: bool, quality: str) -> bytes:
    """Encode a GIF with one palette for all images and `recipe` as its comment. Raises ProgramError.

    `endless`: repeat endlessly, else play once. `quality` (draft, good, best) selects the dithering.
    """
    with tempfile.TemporaryDirectory(prefix="animator-") as folder:
        palette, file = Path(folder, "palette.png"), Path(folder, "film.gif")
        samples = reel.with_frames(pick_evenly(reel.order, PALETTE_SAMPLES))
        made = "palettegen=stats_mode=full:reserve_transparent=0"
        _run_ffmpeg(samples, "-vf", made, "-frames:v", "1", "-update", "1", str(palette))
        used = f"[0:v][1:v]paletteuse=dither={_DITHER[quality]}:diff_mode=rectangle"
        loop = ("-loop", "0" if endless else "-1")
        _run_ffmpeg(reel, "-i", str(palette), "-lavfi", used, *loop, "-f", "gif", str(file))
        data = file.read_bytes()
    return _annotate_gif(data, recipe, reel.durations(0.01))


def _run_ffmpeg(reel: FrameSequence, *arguments: str) -> None:
    """Pipe all images of `reel` into ffmpeg, run with `arguments`."""
    kind = "rgba" if reel.alpha else "rgb24"
    size = ("-s", f"{reel.width}x{reel.height}")
    given = ("-f", "rawvideo", "-pix_fmt", kind, *size, "-r", f"{reel.fps:.9g}", "-i", "pipe:0")
    with FfmpegPipe([ffmpeg_path(), *_FFMPEG_OPTIONS, *given, *arguments]) as pipe:
        for image in reel:
            pipe.write(image)


def _annotate_gif(data: bytes, comment: str, delays: list[int]) -> bytes:
    """Insert a comment before the images of a GIF, and set the delay of each image, in hundredths of a second."""
    at = 13 + _palette_size(data[10])
    text = comment.encode("utf8")
    blocks = b"".join(bytes([len(part)]) + part for part in _sub_blocks(text, 255))
    found = bytearray(data[:at] + b"\x21\xfe" + blocks + b"\0" + data[at:])
    left = iter(delays)
    for control in _graphic_controls(data, at):
        place = control + len(found) - len(data)
        struct.pack_into("<H", found, place + 4, next(left, 1))
    return bytes(found)


def _graphic_controls(data: bytes, at: int) -> Iterator[int]:
    """Yield the offset of every graphic control extension of a GIF, which holds the delay of one image."""
    while data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                yield at
            at += 2
        else:  # an image: its position, its local palette, its minimum LZW code size
            at += 10 + _palette_size(data[at + 9]) + 1
        while data[at]:
            at += data[at] + 1
        at += 1


def _palette_size(flags: int) -> int:
    """Return the size in bytes of the palette that a GIF's `flags` announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def webp(reel: FrameSequence, recipe: str, endless: bool, quality: str) -> bytes:
    """Encode a WebP with `recipe` as the user comment of its EXIF. Raises ProgramError.

    `endless`: repeat endlessly, else play once. `quality`: draft, good or best.
    """
    number, effort = _WEBP[quality]
    with tempfile.TemporaryDirectory(prefix="animator-") as folder:
        file = Path(folder, "film.webp")
        coded = ("-c:v", "libwebp_anim", "-quality", number, "-compression_level", effort)
        _run_ffmpeg(reel, *coded, "-loop", "0" if endless else "1", "-f", "webp", str(file))
        data = file.read_bytes()
    return _annotate_webp(data, exif_comment(recipe), reel)


def _annotate_webp(data: bytes, note: bytes, reel: FrameSequence) -> bytes:
    """Append EXIF to a WebP, announce it in the header, and set the duration of each image, in milliseconds."""
    chunks = [(data[at : at + 4], data[at + 8 : at + 8 + size]) for at, size in _webp_chunks(data)]
    if chunks[0][0] != b"VP8X":  # a single image has no extended header, which holds the flags
        sides = b"".join(struct.pack("<I", side - 1)[:3] for side in (reel.width, reel.height))
        chunks.insert(0, (b"VP8X", bytes(4) + sides))
    # libwebp omits the alpha flag where every partial image is opaque; the area around them would be white.
    flags = chunks[0][1][0] | 0x08 | (0x10 if reel.alpha else 0)
    chunks[0] = (b"VP8X", bytes([flags]) + chunks[0][1][1:])
    chunks = [(kind, bytes(4) + body[4:]) if kind == b"ANIM" else (kind, body) for kind, body in chunks]
    images = [at for at, (kind, _) in enumerate(chunks) if kind == b"ANMF"]
    if len(images) == len(reel):  # otherwise the encoder has merged equal images
        for at, duration in zip(images, reel.durations(0.001), strict=True):
            body = chunks[at][1]
            chunks[at] = (b"ANMF", body[:12] + struct.pack("<I", duration)[:3] + body[15:])
    chunks.append((b"EXIF", note))
    whole = b"".join(
        kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for kind, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


def _webp_chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield offset and content size, in bytes, of every top-level chunk of a WebP."""
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack("<I", data[at + 4 : at + 8])
        yield at, size
        at += 8 + size + size % 2


def exif_comment(comment: str) -> bytes:
    """Return EXIF data with `comment` as its user comment, in Unicode."""
    found = Pillow.Exif()
    found.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode("utf-16-be")
    return found.tobytes().removeprefix(b"Exif\0\0")


# (keep every n-th image, scale), from the least visible loss to the most visible one.
SHRINK_STEPS = (
    (1, 1.0), (1, 0.8), (2, 0.8), (2, 0.65), (2, 0.5), (3, 0.5), (3, 0.4), (3, 0.32), (4, 0.25), (4, 0.2), (4, 0.15)
)  # fmt: skip

MIN_FPS = 7.5  # images per second; below this a film looks like a slide show

TRIAL_FRAMES = 8  # images encoded first, to estimate the size of the rest


def fit_to_bytes(
    reel: FrameSequence, max_bytes: int | None, encode: Callable[[FrameSequence], bytes], max_fps: float
) -> tuple[bytes, FrameSequence]:
    """Encode as much of `reel` as fits into `max_bytes` bytes; return the data and the reel that was encoded.

    `max_bytes`: None for no limit. `max_fps`: the most images per second that the format can show. Raises RunError
    where even the smallest version is too large.
    """
    reel = reel.every_nth(-int(-reel.fps // max_fps))
    if max_bytes is None:
        return encode(reel), reel
    each, encoded = 0.0, b""  # bytes per pixel; 0 until measured
    if len(reel) > 2 * TRIAL_FRAMES:
        middle = (len(reel) - TRIAL_FRAMES) // 2
        trial = reel.with_frames(reel.order[middle : middle + TRIAL_FRAMES])
        each = len(encode(trial)) / trial.pixels
    slowest = max(1, int(reel.fps / MIN_FPS))
    for every, scale in SHRINK_STEPS:
        tried = reel.every_nth(min(every, slowest)).scaled_by(scale)
        # A smaller image has no less detail per pixel, so this version would not fit.
        if tried.pixels * each > max_bytes and (every, scale) != SHRINK_STEPS[-1]:
            continue
        encoded = encode(tried)
        if len(encoded) <= max_bytes:
            return encoded, tried
        each = len(encoded) / tried.pixels
    raise RunError(f"{tried} still take {format_bytes(len(encoded))}; raise output.max_size")


def format_bytes(size: int) -> str:
    """Return `size`, in bytes, as text for people: 7.6 MB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


RgbOrRgba = NDArray[np.uint8]  # RGB (height, width, 3) or RGBA (height, width, 4)


@dataclass(frozen=True)
class FrameSequence:
    """Frames in the order they are shown; a frame may come more than once.

    `look` returns the image of a frame: RGB uint8 (height, width, 3), or RGBA with `alpha`. `seconds`:
    duration of the whole.
    """

    order: Sequence[int]
    read_image: Callable[[int], RgbOrRgba]
    width: int
    height: int
    fps: float
    seconds: float
    alpha: bool = False

    def __iter__(self) -> Iterator[RgbOrRgba]:
        return map(self.read_image, self.order)

    def __len__(self) -> int:
        return len(self.order)

    @property
    def pixels(self) -> int:
        """Number of pixels of all images together."""
        return self.width * self.height * len(self)

    def every_nth(self, number: int) -> FrameSequence:
        """Return a reel of every `number`-th image, each shown longer; the duration stays."""
        return self if number == 1 else replace(self, order=self.order[::number], fps=self.fps / number)

    def scaled_by(self, scale: float) -> FrameSequence:
        """Return a reel whose images are scaled by `scale`."""
        if scale == 1:
            return self
        width, height = (max(1, round(side * scale)) for side in (self.width, self.height))
        return replace(
            self,
            width=width,
            height=height,
            read_image=partial(_read_scaled, read_image=self.read_image, size=(width, height)),
        )

    def with_frames(self, order: Sequence[int]) -> FrameSequence:
        """Return a reel of other frames of this film."""
        return replace(self, order=order, seconds=len(order) / self.fps)

    def durations(self, unit: float) -> list[int]:
        """Return the duration of each image in units of `unit` seconds: integers whose errors never add up."""
        ends = [min(number / self.fps, self.seconds) for number in range(1, len(self))]
        times = [0, *(round(end / unit) for end in ends), round(self.seconds / unit)]
        return [max(1, after - before) for before, after in pairwise(times)]

    def __str__(self) -> str:
        return f"{len(self)} frames of {self.width}x{self.height} at {self.fps:.3g} fps"


def _read_scaled(index: int, read_image: Callable[[int], RgbOrRgba], size: tuple[int, int]) -> RgbOrRgba:
    return resize_rgba(read_image(index), *size)
