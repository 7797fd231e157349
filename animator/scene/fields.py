"""Building blocks of settings: the base class of sections, and the types of numbers, texts, curves, sizes, files.

The marks `FileRef` and `OverTime` on a type say that a setting names a file or changes over time; `marked_settings`
finds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from animator.errors import SettingPath, short_repr
from animator.frame import setting_fields
from animator.models.families import SDXL_SIZE, round_to_latents


@dataclass(frozen=True, slots=True)
class FileRef:
    """Mark of a setting that names a file; on the type of a dictionary, of each of its values.

    The messages are templates: {name} is the value, {quoted} the value cut to 60 characters, {file} its path, {names}
    the names; in `unreadable` {error} is the reason.
    """

    kind: Literal[
        "image", "mask", "cutout", "video", "sound", "styles", "model", "configs", "estimator", "shape"
    ]
    names: tuple[str, ...] = ()  # values that are names and not files
    hub: bool = False  # the value may be the hub id of a model instead: it is a file only if that file exists
    folder: bool = False  # the value may be a folder of images instead
    suffix: str = ""  # the only suffix that a file may have; "": any
    missing: str = "no such file: {file}"
    refused: str = "{quoted}: only .safetensors files are loaded; others can run code"
    unreadable: str = "cannot be used as an image: {error}"


IMAGE_REF = FileRef("image", unreadable="cannot be read as an image: {error}")

ImageFile = Annotated[str, IMAGE_REF]

GuideImageFile = Annotated[str, FileRef("image")]  # a hint's or an IP-Adapter's

VideoFile = Annotated[str, FileRef("video", unreadable="cannot be used as a video: {error}")]

ModelFile = Annotated[str, FileRef("model", suffix=".safetensors")]

ModelName = Annotated[
    str, FileRef("model", hub=True, suffix=".safetensors")
]  # hub id, folder or .safetensors file

ModelFolder = Annotated[str, FileRef("model", hub=True, folder=True)]  # hub id or folder


def _whole(value: Any) -> Iterator[tuple[SettingPath, Any]]:
    yield (), value


@dataclass(frozen=True, slots=True)
class OverTime:
    """Mark of a setting that changes over time: a curve, or a list of times.

    `parts` yields the (path, value) of each curve in a setting that can hold several.
    """

    kind: Literal["curve", "times"]
    parts: Callable[[Any], Iterator[tuple[SettingPath, Any]]] = _whole
    has_total: bool = False  # the values of the curve add up, and their total may be given instead


Scalar = int | float | str

CurveValue = Scalar | dict[str, Any]  # number, expression, key string, or keyframe → value


def check_curve(value: Any) -> CurveValue:
    """Return `value` if its type can be a curve; its content is parsed later. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, Scalar | dict):
        raise ValueError(f"{short_repr(value)} is not a number, an expression, a key string or keyframes")
    return value


_KEYFRAMES_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [
            {"type": ["number", "string"]},
            {
                "type": "object",
                "properties": {"value": {"type": ["number", "string"]}, "ease": {"type": "string"}},
                "required": ["value"],
                "additionalProperties": False,
            },
        ]
    },
}

CURVE_SCHEMA: dict[str, Any] = {"anyOf": [{"type": ["number", "string"]}, _KEYFRAMES_SCHEMA]}

Curve = Annotated[Any, BeforeValidator(check_curve), OverTime("curve"), WithJsonSchema(CURVE_SCHEMA)]

TOTAL_OPTIONS = ("total", "ease", "from", "to")

_TIME_SCHEMA = {"type": ["integer", "string"]}

_TOTAL_SCHEMA = {
    "type": "object",
    "properties": {
        "total": {"type": ["number", "string"]},
        "ease": {"type": "string"},
        "from": _TIME_SCHEMA,
        "to": _TIME_SCHEMA,
    },
    "required": ["total"],
    "additionalProperties": False,
}

# A curve of changes per frame, or what they add up to: {total: 360, ease: in-out-sine}.
Rate = Annotated[
    Any,
    BeforeValidator(check_curve),
    OverTime("curve", has_total=True),
    WithJsonSchema({"anyOf": [*CURVE_SCHEMA["anyOf"], _TOTAL_SCHEMA]}),
]


def is_total(written: Any) -> bool:
    """Return True if a curve is written as a total, such as {total: 360, ease: in-out-sine}."""
    return isinstance(written, dict) and "total" in written


def _check_scalar(value: Any) -> Scalar:
    """Return a text or a number. Raises ValueError once, where a union type would report one error per type."""
    if isinstance(value, bool) or not isinstance(value, Scalar):
        raise ValueError(f"{short_repr(value)} is not a text or a number")
    return value


def _check_number(value: Any) -> Any:
    """Return `value` unless it is true, false or text: `frames: true` is a mistake, not one frame."""
    if isinstance(value, bool | str):
        raise ValueError(f"{short_repr(value)} is not a number")
    return value


Number = Annotated[float, BeforeValidator(_check_number)]

Integer = Annotated[int, BeforeValidator(_check_number)]

TextOrNumber = Annotated[Any, BeforeValidator(_check_scalar), WithJsonSchema({"type": ["string", "number"]})]


class Section(BaseModel):
    """Base class of sections of a schedule file: immutable, and unknown settings are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    def given(self) -> dict[str, Any]:
        """Return the settings given in the file, by name; defaults are left out."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def curve_section(name: str, settings: type, base: type[Section], **extra: Any) -> Any:
    """Create a section class with a curve for each field of the dataclass `settings`, besides the fields of `base`."""
    found: Any = {
        item.name: (
            Rate if "total" in item.metadata else Curve,
            Field(item.default, description=item.metadata["says"] + _range_text(item.metadata)),
        )
        for item in setting_fields(settings)
    }
    return create_model(name, __base__=base, **extra, **found)


def _range_text(metadata: Mapping[str, float]) -> str:
    return f"; {metadata['low']:g}..{metadata['high']:g}" if isfinite(metadata["high"]) else ""


def without_none(annotation: Any) -> Any:
    """Return an annotation without None: `Shake | None` → `Shake`; other annotations unchanged."""
    given = [kind for kind in get_args(annotation) if kind is not type(None)]
    return given[0] if isinstance(annotation, UnionType) or get_origin(annotation) is Union else annotation


Mark = TypeVar("Mark")


def marked_settings(section: Section, kind: type[Mark]) -> Iterator[tuple[SettingPath, Any, Mark]]:
    """Yield path, value and mark of each setting whose type has a mark of `kind`, in `section` and those inside it."""
    for name, field in type(section).model_fields.items():
        yield from _marked_values((name,), getattr(section, name), field.annotation, field.metadata, kind)


def _marked_values(
    path: SettingPath, value: Any, annotation: Any, marks: Iterable[Any], kind: type[Mark]
) -> Iterator[tuple[SettingPath, Any, Mark]]:
    if value is None:
        return
    annotation = without_none(annotation)
    if get_origin(annotation) is Annotated:
        marks, annotation = (*marks, *annotation.__metadata__), annotation.__origin__
    found = next((mark for mark in marks if isinstance(mark, kind)), None)
    if found is not None:
        yield path, value, found
    elif isinstance(value, Section):
        for inner, item, mark in marked_settings(value, kind):
            yield (*path, *inner), item, mark
    elif isinstance(value, dict):
        values = get_args(annotation)[1] if get_origin(annotation) is dict else Any
        for key, item in value.items():
            yield from _marked_values((*path, str(key)), item, values, (), kind)


def curves_of(settings: Section) -> Iterator[tuple[SettingPath, Any, Literal["curve", "times"]]]:
    """Yield path, value and kind of every curve and every list of times in `settings`, as written in the file."""
    for path, value, mark in marked_settings(settings, OverTime):
        for inner, written in mark.parts(value):
            yield (*path, *inner), written, mark.kind


FALSE_VALUES = (False, 0, "no", "off", "false")  # in YAML 1.2, "no" and "off" are text

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")

_TIMES_SCHEMA = {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 1}

_COLOR_PATTERN = rf"^(?:{_HEX.pattern}|\{{\w+\}})$"  # a colour, or a {variable}

_COLORS_SCHEMA = {"type": "array", "items": {"type": "string", "pattern": _COLOR_PATTERN}}


def _parse_times(value: Any) -> list[str]:
    listed = isinstance(value, list) and value and all(type(item) in (int, float, str) for item in value)
    if not listed:
        raise ValueError(f"{value!r} is not a list of times such as [0, 2s, 50%, end]")
    return [str(item) for item in value]


def _parse_paint(value: Any) -> Any:
    """Return a list of times or an expression, from either of them or from {at: either, or keyframes of yes/no}."""
    if isinstance(value, dict) and set(value) == {"at"}:
        value = value["at"]
        if isinstance(value, dict):
            value = [key for key, wanted in value.items() if wanted not in FALSE_VALUES]
    return value if isinstance(value, str) else _parse_times(value)


def _check_colors(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of colours such as ['#0a84ff', '#fff']")
    for item in value:
        # An unquoted "#" leaves None: YAML reads the rest of the line as a comment.
        if not isinstance(item, str) or not _HEX.fullmatch(item):
            raise ValueError(f"{item!r} is not a colour; write it in quotes: '#0a84ff' or '#08f'")
    return value


Times = Annotated[Any, BeforeValidator(_parse_times), OverTime("times"), WithJsonSchema(_TIMES_SCHEMA)]

_YES_NO_SCHEMA = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": ["number", "boolean"]},
}

_AT_SCHEMA = {
    "type": "object",
    "properties": {"at": {"anyOf": [{"type": "string"}, _TIMES_SCHEMA, _YES_NO_SCHEMA]}},
    "required": ["at"],
    "additionalProperties": False,
}

PaintTimes = Annotated[
    Any,
    BeforeValidator(_parse_paint),
    OverTime("times"),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TIMES_SCHEMA, _AT_SCHEMA]}),
]

Colors = Annotated[Any, BeforeValidator(_check_colors), WithJsonSchema(_COLORS_SCHEMA)]


# The sizes SDXL was trained on with about 1024x1024 pixels and a side ratio a film may have
# (Podell et al. 2023, "SDXL", appendix I).
BUCKETS = [
    (640, 1536), (704, 1408), (704, 1344), (768, 1344), (768, 1280), (832, 1216), (832, 1152), (896, 1152),
    (896, 1088), (960, 1088), (960, 1024), (1024, 1024), (1024, 960), (1088, 960), (1088, 896), (1152, 896),
    (1152, 832), (1216, 832), (1280, 768), (1344, 768), (1344, 704), (1408, 704), (1536, 640),
]  # fmt: skip


MAX_PIXEL_RATIO = 1.5  # multiple of the native pixel count above which a model repeats or loses its subject


class Pixels(NamedTuple):
    """Width and height in pixels; both even, as h264's yuv420p needs."""

    width: int
    height: int

    def exceeds(self, native: int) -> bool:
        """Return whether it is too large for one pass of a model with a native size of `native` pixels."""
        return self.width * self.height > MAX_PIXEL_RATIO * native**2

    def scaled_to(self, native: int) -> Pixels:
        """Return a size of this shape with about `native`² pixels; both sides are multiples of 8."""
        share = native / (self.width * self.height) ** 0.5
        return Pixels(*(round_to_latents(side * share) for side in self))


class Ratio(NamedTuple):
    """Ratio of width to height, such as 16:9."""

    width: float
    height: float

    def nearest_size(self, native: int) -> Pixels:
        """Return the nearest trained size, scaled to a native size of `native` pixels; sides are multiples of 8."""
        width, height = min(BUCKETS, key=lambda size: abs(size[0] / size[1] - self.width / self.height))
        return Pixels(*(round_to_latents(side * native / SDXL_SIZE) for side in (width, height)))


def _parse_size(value: Any) -> Pixels | Ratio:
    if isinstance(value, Pixels | Ratio):
        return value
    text = str(value).strip()
    if match := re.fullmatch(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})", text):
        size = Pixels(int(match[1]), int(match[2]))
        if min(size) < 16 or max(size) > 8192 or size.width % 2 or size.height % 2:
            raise ValueError(f"{text!r}: width and height must be even, 16..8192")
        return size
    if match := re.fullmatch(r"(\d{1,4}(?:\.\d{1,4})?):(\d{1,4}(?:\.\d{1,4})?)", text):
        ratio = Ratio(float(match[1]), float(match[2]))
        if min(ratio) > 0 and 1 / 4 <= ratio.width / ratio.height <= 4:
            return ratio
    raise ValueError(
        f'{short_repr(value)} is not a size; write pixels as 1024x1024 or a ratio from 1:4 to 4:1 as "16:9"'
    )


Size = Annotated[
    Any, BeforeValidator(_parse_size), WithJsonSchema({"type": "string", "examples": ["1024x1024", "16:9"]})
]
