"""GIF and WebP: pictures that move by themselves, with the film's recipe inside."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from animator.imaging.ffmpeg import program
from animator.imaging.pipe import Pipe
from animator.runs.reel import Reel

GIF_FASTEST = 50.0  # pictures a second: browsers take what is faster for a mistake
WEBP_FASTEST = 100.0
SAMPLES = 48  # pictures that a palette is made from
_QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")
_DITHER = {"draft": "bayer:bayer_scale=4", "good": "sierra2_4a", "best": "sierra2_4a"}
_WEBP = {"draft": ("60", "2"), "good": ("82", "4"), "best": ("95", "6")}  # quality 0..100, effort 0..6


def gif(reel: Reel, recipe: str, forever: bool, quality: str) -> bytes:
    """A GIF with one palette for all pictures, and the recipe as its comment. Raises ProgramError."""
    with tempfile.TemporaryDirectory(prefix="animator-") as folder:
        palette, file = Path(folder, "palette.png"), Path(folder, "film.gif")
        seen = np.unique(np.linspace(0, len(reel) - 1, SAMPLES).astype(int))
        samples = reel.only([reel.order[at] for at in seen])
        made = "palettegen=stats_mode=full:reserve_transparent=0"
        _feed(samples, "-vf", made, "-frames:v", "1", "-update", "1", str(palette))
        used = f"[0:v][1:v]paletteuse=dither={_DITHER[quality]}:diff_mode=rectangle"
        loop = ("-loop", "0" if forever else "-1")
        _feed(reel, "-i", str(palette), "-lavfi", used, *loop, "-f", "gif", str(file))
        data = file.read_bytes()
    return _gif_with(data, recipe, reel.durations(0.01))


def _feed(reel: Reel, *arguments: str) -> None:
    """Hand all pictures to ffmpeg."""
    kind = "rgba" if reel.alpha else "rgb24"
    size = ("-s", f"{reel.width}x{reel.height}")
    given = ("-f", "rawvideo", "-pix_fmt", kind, *size, "-r", f"{reel.fps:.9g}", "-i", "pipe:0")
    with Pipe([program(), *_QUIET, *given, *arguments]) as pipe:
        for picture in reel:
            pipe.write(picture)


def _gif_with(data: bytes, comment: str, delays: list[int]) -> bytes:
    """`data` with a comment in front of its pictures, each of which stays for its own hundredths of a second."""
    at = 13 + _table(data[10])
    text = comment.encode("utf8")
    blocks = b"".join(bytes([len(part)]) + part for part in _parts(text, 255))
    found = bytearray(data[:at] + b"\x21\xfe" + blocks + b"\0" + data[at:])
    left = iter(delays)
    for control in _controls(data, at):
        place = control + len(found) - len(data)
        struct.pack_into("<H", found, place + 4, next(left, 1))
    return bytes(found)


def _controls(data: bytes, at: int) -> Iterator[int]:
    """Where the graphic controls of a GIF begin, each of which says how long a picture stays."""
    while data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                yield at
            at += 2
        else:  # a picture: its place, its own palette, the width of its codes
            at += 10 + _table(data[at + 9]) + 1
        while data[at]:
            at += data[at] + 1
        at += 1


def _table(flags: int) -> int:
    """How many bytes a GIF's palette has."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def webp(reel: Reel, recipe: str, forever: bool, quality: str) -> bytes:
    """A WebP, with the recipe as the user's comment of its EXIF. Raises ProgramError."""
    number, effort = _WEBP[quality]
    with tempfile.TemporaryDirectory(prefix="animator-") as folder:
        file = Path(folder, "film.webp")
        coded = ("-c:v", "libwebp_anim", "-quality", number, "-compression_level", effort)
        _feed(reel, *coded, "-loop", "0" if forever else "1", "-f", "webp", str(file))
        data = file.read_bytes()
    return _webp_with(data, exif(recipe), reel)


def _webp_with(data: bytes, note: bytes, reel: Reel) -> bytes:
    """`data` with EXIF behind its pictures, a header that says so, and each picture's own thousandths of a second."""
    chunks = [(data[at : at + 4], data[at + 8 : at + 8 + size]) for at, size in _chunks(data)]
    if chunks[0][0] != b"VP8X":  # one picture alone has no header that could say anything
        sides = b"".join(struct.pack("<I", side - 1)[:3] for side in (reel.width, reel.height))
        chunks.insert(0, (b"VP8X", bytes(4) + sides))
    # Where each picture is opaque as far as it goes, libwebp takes what is around them for white.
    flags = chunks[0][1][0] | 0x08 | (0x10 if reel.alpha else 0)
    chunks[0] = (b"VP8X", bytes([flags]) + chunks[0][1][1:])
    chunks = [(kind, bytes(4) + body[4:]) if kind == b"ANIM" else (kind, body) for kind, body in chunks]
    pictures = [at for at, (kind, _) in enumerate(chunks) if kind == b"ANMF"]
    if len(pictures) == len(reel):  # otherwise pictures that are the same have become one
        for at, duration in zip(pictures, reel.durations(0.001), strict=True):
            body = chunks[at][1]
            chunks[at] = (b"ANMF", body[:12] + struct.pack("<I", duration)[:3] + body[15:])
    chunks.append((b"EXIF", note))
    whole = b"".join(
        kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for kind, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the outermost chunks of a WebP begin, and how many bytes are in each."""
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack("<I", data[at + 4 : at + 8])
        yield at, size
        at += 8 + size + size % 2


def exif(comment: str) -> bytes:
    """EXIF with a user's comment, in the letters of any language."""
    found = Pictures.Exif()
    found.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + comment.encode("utf-16-be")
    return found.tobytes().removeprefix(b"Exif\0\0")
