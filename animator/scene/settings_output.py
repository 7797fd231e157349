"""Settings for output: codec and quality, deliverables, crops of other shapes, upscaling, interpolated frames."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import PluginError, SettingPath, short_repr, suggest
from animator.frame import Framing, Upscale
from animator.imaging.video_codecs import FILM_CODECS
from animator.scene.fields import FileRef, Integer, Number, Section, TextOrNumber, curve_section
from animator.scene.plugins import Registry

UPSCALE_METHODS = ("lanczos", "second-pass")  # values of `by`; any other is a file

_NETWORK_REF = FileRef(
    "model",
    names=UPSCALE_METHODS,
    suffix=".safetensors",
    refused="{name!r} is not an upscaling method; known: {names}, or a .safetensors file; "
    "files of other kinds can run code (see docs/upscale.md to convert them)",
)

MAX_UPSCALED_SIDE = 8192  # pixels per side, as for video.size

UPSCALE_SETTING: SettingPath = ("output", "upscale", "by")


class UpscaleOptions(Section):
    """Upscaling settings that cannot change over time."""

    by: Annotated[str, _NETWORK_REF] = Field(
        "lanczos",
        description="lanczos, second-pass (SDXL over the enlarged image), or a .safetensors file that spandrel knows",
    )
    factor: Number = Field(
        2.0, ge=1, le=8, description="size of the video's frames relative to the painted frames"
    )
    tile: Integer = Field(
        512,
        ge=128,
        le=8192,
        description="side in pixels of the tiles that a file's network processes; smaller tiles need less memory",
    )


def expand_upscale(value: Any) -> Any:
    """Expand the short forms: `upscale: 2` means `{factor: 2}`, `upscale: second-pass` means `{by: second-pass}`."""
    if isinstance(value, str):
        return {"by": value}
    return {"factor": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


UpscaleCurves: Any = curve_section("UpscaleCurves", Upscale, UpscaleOptions)


class FinishOptions(Section):
    """Output settings that resize or interpolate frames."""

    upscale: Annotated[UpscaleCurves | None, BeforeValidator(expand_upscale)] = Field(
        None, description="enlargement of the finished frames for the video"
    )
    interpolate: Integer = Field(
        1,
        ge=1,
        le=8,
        description="frames of the video per frame of the film; the added ones are interpolated by flow",
    )


@dataclass(frozen=True, slots=True)
class DeliverableKind:
    """A kind of file that is made from a run's frames.

    `write(spec, target)` writes the file `target` as a `runs.deliverables.DeliverableSpec` describes it, and returns a
    description of the result; `module:attribute` is imported when it is used.
    """

    file: str  # its name in the run's folder
    write: Callable[[Any, Path], str] | str
    codec: str | None = None  # of a video; "film": the film's own
    has_shapes: bool = True  # False: it is the same for every shape


def _kind(file: str, writer: str, codec: str | None = None, has_shapes: bool = True) -> DeliverableKind:
    return DeliverableKind(file, f"animator.runs.deliverables:write_{writer}", codec, has_shapes)


def _kind_mismatch(found: Any) -> str:
    return (
        "" if isinstance(found, DeliverableKind) else f"it is a {type(found).__name__}, not a DeliverableKind"
    )


_KINDS = {
    "mp4": _kind("video.mp4", "video", "film"),
    **{name: _kind(f"video-{name}.mp4", "video", name) for name in FILM_CODECS},
    "webm": _kind("video.webm", "video", "vp9"),
    "webm-alpha": _kind("cutout.webm", "video", "vp9-alpha"),
    "prores": _kind("video.mov", "video", "prores"),
    "prores-alpha": _kind("cutout.mov", "video", "prores-alpha"),
    "gif": _kind("video.gif", "gif"),
    "webp": _kind("video.webp", "webp"),
    "webp-alpha": _kind("cutout.webp", "webp"),
    "poster": _kind("poster.png", "poster"),
    "poster-alpha": _kind("cutout.png", "poster"),
    "sheet": _kind("sheet.jpg", "contact_sheet"),
    "spin": DeliverableKind("spin.html", "animator.runs.spin:write_spin"),
    "glb": DeliverableKind("product.glb", "animator.runs.product_files:write_glb", has_shapes=False),
    "passes": DeliverableKind("passes.zip", "animator.runs.product_files:write_passes", has_shapes=False),
    "srt": _kind("video.srt", "subtitles", has_shapes=False),
    "zip": _kind("frames.zip", "frames_zip"),
    "zip-alpha": _kind("cutout.zip", "frames_zip"),
}

# Kinds of deliverable, as named in `also`.
DELIVERABLES: Registry[DeliverableKind] = Registry(
    "animator.deliverables", "kind of output", _KINDS, _kind_mismatch
)

MIN_SIDE, MAX_SIDE = 16, 8192  # pixels per side

_SHAPE_PATTERN = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*[xX×:]\s*(\d{1,4}(?:\.\d{1,3})?)")

_BYTES_PATTERN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(k|M|G)?B?", re.IGNORECASE)

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def parse_shape(name: str) -> tuple[float, float] | None:
    """Return (width, height) from `9x16`, `9:16` or `1080x1920`; None for other text, or a ratio beyond 10:1."""
    match = _SHAPE_PATTERN.fullmatch(name.strip())
    sides = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    return sides if min(sides) > 0 and 1 / 10 <= sides[0] / sides[1] <= 10 else None


def is_pixel_shape(sides: tuple[float, float]) -> bool:
    """Return whether a shape is a size in pixels, such as 1080x1920, and not a ratio such as 9x16."""
    return max(sides) >= 100


def kind_and_shape(word: str) -> tuple[str, str]:
    """Split an entry of `also` into kind and shape: `gif@9x16` → ("gif", "9x16"), `gif` → ("gif", "")."""
    kind, _, form = word.partition("@")
    return kind.strip(), _shape_name(form)


def _shape_name(form: str) -> str:
    """Return a shape's name as file names have it: `9:16` → `9x16`."""
    return re.sub(r"\s*[X×:]\s*", "x", form.strip())


def deliverable_file(word: str) -> str:
    """Return the file name for an entry of `also`: `gif@9x16` → video-9x16.gif."""
    kind, form = kind_and_shape(word)
    file = DELIVERABLES.load(kind).file
    stem, _, extension = file.partition(".")
    return f"{stem}-{form}.{extension}" if form else file


def is_cutout(word: str) -> bool:
    """Return whether an entry of `also` is the masked product alone, on a transparent background."""
    return kind_and_shape(word)[0].endswith("-alpha")


def parse_deliverable(text: Any) -> str:
    """Return an entry of `also` in its standard form, `kind` or `kind@shape`. Raises ValueError for unknown kinds."""
    kind, form = kind_and_shape(text) if isinstance(text, str) else ("", "")
    if kind not in DELIVERABLES:
        raise ValueError(f"{short_repr(text)} is not a kind of output; {suggest(str(text), DELIVERABLES)}")
    try:
        has_shapes = DELIVERABLES.load(kind).has_shapes
    except PluginError as error:
        raise ValueError(str(error)) from error
    if form and not has_shapes:
        raise ValueError(f"{kind!r} is the same for every shape; write {kind!r} alone")
    return f"{kind}@{form}" if form else kind


def _parse_also(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError(f"{short_repr(value)} is not a list such as [gif, poster, sheet]")
    return list(dict.fromkeys(map(parse_deliverable, listed)))


def parse_bytes(value: Any) -> int | None:
    """Return a file size in bytes from `8MB`, `500 kB` or a number; None for `none`. Raises ValueError."""
    text = str(value).strip()
    if value is None or text == "none":
        return None
    match = None if isinstance(value, bool) else _BYTES_PATTERN.fullmatch(text)
    if match is None or not float(match[1]):
        raise ValueError(f"{short_repr(value)} is not the size of a file; write 8MB, 500kB or none")
    return round(float(match[1]) * _UNITS[(match[2] or "").lower()])


def _check_bytes(value: Any) -> Any:
    parse_bytes(value)
    return value


def _expand_frame(value: Any) -> Any:
    """Expand the short form: `frame: [9x16, 1x1]` means `frame: {9x16: {}, 1x1: {}}`. Raises ValueError."""
    if isinstance(value, str | list):
        value = dict.fromkeys([value] if isinstance(value, str) else map(str, value))
    if not isinstance(value, dict):
        return value
    for name in value:
        sides = parse_shape(str(name))
        if sides is None:
            raise ValueError(
                f"{short_repr(name)} is not a shape; write a ratio as 9x16, or pixels as 1080x1920"
            )
        if is_pixel_shape(sides) and not all(
            side.is_integer() and side % 2 == 0 and MIN_SIDE <= side <= MAX_SIDE for side in sides
        ):
            raise ValueError(f"{name}: width and height must be even, {MIN_SIDE}..{MAX_SIDE}")
    return {_shape_name(str(name)): {} if given is None else given for name, given in value.items()}


Also = Annotated[
    Any,
    BeforeValidator(_parse_also),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class FrameOptions(Section):
    """Settings of a crop that cannot change over time."""

    follow: str = Field(
        "", description="masks whose centre the crop follows; x and y other than 0.5 shift it"
    )


FrameCurves: Any = curve_section("FrameCurves", Framing, FrameOptions)


class Output(FinishOptions):
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
    crf: Integer | None = Field(
        None,
        ge=0,
        le=63,
        description="quality of the MP4 as its codec's CRF, instead of `quality`; lower is better, in a larger file",
    )
    also: Also = Field([], description=f"other outputs, e.g. [gif, poster, gif@9x16]: {', '.join(_KINDS)}")
    frame: Annotated[dict[str, FrameCurves], BeforeValidator(_expand_frame)] = Field(
        default_factory=dict,
        description="crops of other shapes, each a separate MP4: {9x16: {x: 0.4}}",
    )
    mask: str | None = Field(
        None, description="masks: the region that `…-alpha` cuts out; default: `product`, or the only mask"
    )
    max_size: Annotated[TextOrNumber, BeforeValidator(_check_bytes)] = Field(
        "16MB",
        description="limit for a GIF, a WebP or a spin page, which is reduced until it fits; `none`: no limit",
    )
    repeat: Literal["auto", "forever", "once"] = Field(
        "auto", description="repetition of a GIF or a WebP; auto: forever if the film is a loop"
    )
    poster: TextOrNumber | None = Field(
        None, description="time of the poster, e.g. 2s or end; default: the most detailed late painted frame"
    )
