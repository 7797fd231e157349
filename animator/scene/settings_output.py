"""Codec, deliverables, shapes, upscaling.

Settings for upscaling finished frames and for interpolating frames between them.

Output settings of a schedule file: codec and quality of the video, other deliverables, crops of other shapes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import SettingPath, nearest, shown
from animator.frame import Framing, Upscale
from animator.imaging.ffmpeg import FILMS
from animator.scene.fields import Number, Section, TextOrNumber, Whole, curves

WAYS = ("lanczos", "second-pass")  # values of `by`; any other is a file

MOST = 8192  # pixels per side, as for video.size

FILE: SettingPath = ("output", "upscale", "by")


class Upscaled(Section):
    """Upscaling settings that cannot change over time."""

    by: str = Field(
        "lanczos",
        description="lanczos, second-pass (SDXL over the enlarged image), or a .safetensors file that spandrel knows",
    )
    factor: Number = Field(
        2.0, ge=1, le=8, description="size of the video's frames relative to the painted frames"
    )
    tile: Whole = Field(
        512,
        ge=128,
        le=8192,
        description="side in pixels of the tiles that a file's network processes; smaller tiles need less memory",
    )


def upscale_by_word(value: Any) -> Any:
    """Expand the short forms: `upscale: 2` means `{factor: 2}`, `upscale: second-pass` means `{by: second-pass}`."""
    if isinstance(value, str):
        return {"by": value}
    return {"factor": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


UpscaleCurves: Any = curves("UpscaleCurves", Upscale, Upscaled)


class Finished(Section):
    """Output settings that resize or interpolate frames."""

    upscale: Annotated[UpscaleCurves | None, BeforeValidator(upscale_by_word)] = Field(
        None, description="enlargement of the finished frames for the video"
    )
    interpolate: Whole = Field(
        1,
        ge=1,
        le=8,
        description="frames of the video per frame of the film; the added ones are interpolated by flow",
    )


# Kind of deliverable, as named in `also` → its file name.
KINDS = {
    "mp4": "video.mp4",  # in the film's own codec
    **{name: f"video-{name}.mp4" for name in FILMS},
    "webm": "video.webm",
    "webm-alpha": "cutout.webm",
    "prores": "video.mov",
    "prores-alpha": "cutout.mov",
    "gif": "video.gif",
    "webp": "video.webp",
    "webp-alpha": "cutout.webp",
    "poster": "poster.png",
    "poster-alpha": "cutout.png",
    "sheet": "sheet.jpg",
    "srt": "video.srt",
    "zip": "frames.zip",
    "zip-alpha": "cutout.zip",
}

CODEC = {  # kind of video → its codec; `mp4` has the film's own
    **{name: name for name in (*FILMS, "prores", "prores-alpha")},
    "webm": "vp9",
    "webm-alpha": "vp9-alpha",
}

NO_SHAPE = ("srt",)  # kinds that are the same for every shape

SMALLEST, LARGEST = 16, 8192  # pixels per side

_SHAPE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*[xX×:]\s*(\d{1,4}(?:\.\d{1,3})?)")

_BYTES = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(k|M|G)?B?", re.IGNORECASE)

_UNIT = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def shape(name: str) -> tuple[float, float] | None:
    """Return (width, height) from `9x16`, `9:16` or `1080x1920`; None for other text, or a ratio beyond 10:1."""
    match = _SHAPE.fullmatch(name.strip())
    sides = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    return sides if min(sides) > 0 and 1 / 10 <= sides[0] / sides[1] <= 10 else None


def is_pixels(sides: tuple[float, float]) -> bool:
    """Return whether a shape is a size in pixels, such as 1080x1920, and not a ratio such as 9x16."""
    return max(sides) >= 100


def split(word: str) -> tuple[str, str]:
    """Split an entry of `also` into kind and shape: `gif@9x16` → ("gif", "9x16"), `gif` → ("gif", "")."""
    kind, _, form = word.partition("@")
    return kind.strip(), _named(form)


def _named(form: str) -> str:
    """Return a shape's name as file names have it: `9:16` → `9x16`."""
    return re.sub(r"\s*[X×:]\s*", "x", form.strip())


def file_name(word: str) -> str:
    """Return the file name for an entry of `also`: `gif@9x16` → video-9x16.gif."""
    kind, form = split(word)
    stem, _, extension = KINDS[kind].partition(".")
    return f"{stem}-{form}.{extension}" if form else KINDS[kind]


def cut_out(word: str) -> bool:
    """Return whether an entry of `also` is the masked product alone, on a transparent background."""
    return split(word)[0].endswith("-alpha")


def word(text: Any) -> str:
    """Return an entry of `also` in its standard form, `kind` or `kind@shape`. Raises ValueError for unknown kinds."""
    kind, form = split(text) if isinstance(text, str) else ("", "")
    if kind not in KINDS:
        raise ValueError(f"{shown(text)} is not a kind of output; {nearest(str(text), KINDS)}")
    if form and kind in NO_SHAPE:
        raise ValueError(f"{kind!r} is the same for every shape; write {kind!r} alone")
    return f"{kind}@{form}" if form else kind


def _also(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError(f"{shown(value)} is not a list such as [gif, poster, sheet]")
    return list(dict.fromkeys(map(word, listed)))


def size(value: Any) -> int | None:
    """Return a file size in bytes from `8MB`, `500 kB` or a number; None for `none`. Raises ValueError."""
    text = str(value).strip()
    if value is None or text == "none":
        return None
    match = None if isinstance(value, bool) else _BYTES.fullmatch(text)
    if match is None or not float(match[1]):
        raise ValueError(f"{shown(value)} is not the size of a file; write 8MB, 500kB or none")
    return round(float(match[1]) * _UNIT[(match[2] or "").lower()])


def _size(value: Any) -> Any:
    size(value)
    return value


def _frame(value: Any) -> Any:
    """Expand the short form: `frame: [9x16, 1x1]` means `frame: {9x16: {}, 1x1: {}}`. Raises ValueError."""
    if isinstance(value, str | list):
        value = dict.fromkeys([value] if isinstance(value, str) else map(str, value))
    if not isinstance(value, dict):
        return value
    for name in value:
        sides = shape(str(name))
        if sides is None:
            raise ValueError(f"{shown(name)} is not a shape; write a ratio as 9x16, or pixels as 1080x1920")
        if is_pixels(sides) and not all(
            side.is_integer() and side % 2 == 0 and SMALLEST <= side <= LARGEST for side in sides
        ):
            raise ValueError(f"{name}: width and height must be even, {SMALLEST}..{LARGEST}")
    return {_named(str(name)): {} if given is None else given for name, given in value.items()}


Also = Annotated[
    Any,
    BeforeValidator(_also),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Following(Section):
    """Settings of a crop that cannot change over time."""

    follow: str = Field(
        "", description="masks whose centre the crop follows; x and y other than 0.5 shift it"
    )


FrameCurves: Any = curves("FrameCurves", Framing, Following)


class Output(Finished):
    """Video file, other deliverables, and processing of finished frames."""

    format: Literal["mp4"] = Field(
        "mp4", description="format of the film itself, always MP4; `also` lists other outputs"
    )
    codec: Literal["h264", "h265", "av1"] = Field(
        "h264",
        description="codec of the MP4: plays everywhere; half the size; smaller still, but slow to encode",
    )
    quality: Literal["draft", "good", "best"] = Field(
        "good", description="quality of every video; better quality takes longer to encode"
    )
    crf: Whole | None = Field(
        None,
        ge=0,
        le=63,
        description="quality of the MP4 as its codec's CRF, instead of `quality`; lower is better, in a larger file",
    )
    also: Also = Field([], description=f"other outputs, e.g. [gif, poster, gif@9x16]: {', '.join(KINDS)}")
    frame: Annotated[dict[str, FrameCurves], BeforeValidator(_frame)] = Field(
        default_factory=dict,
        description="crops of other shapes, each a separate MP4: {9x16: {x: 0.4}}",
    )
    mask: str | None = Field(
        None, description="masks: the region that `…-alpha` cuts out; default: `product`, or the only mask"
    )
    max_size: Annotated[TextOrNumber, BeforeValidator(_size)] = Field(
        "16MB",
        description="limit for a GIF or a WebP: its size and frame rate are reduced until it fits; `none`: no limit",
    )
    repeat: Literal["auto", "forever", "once"] = Field(
        "auto", description="repetition of a GIF or a WebP; auto: forever if the film is a loop"
    )
    poster: TextOrNumber | None = Field(
        None, description="time of the poster, e.g. 2s or end; default: the most detailed late painted frame"
    )
