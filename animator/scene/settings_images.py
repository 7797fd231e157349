"""Settings for images that a film uses: masks, footage, views, and the detail pass."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import SettingPath, quote_text, short_repr
from animator.frame import Detail
from animator.scene.fields import IMAGE_REF, FileRef, Number, Section, VideoFile, curve_section

EVERYWHERE = "everywhere"  # name of the built-in mask of the whole image

DEFAULT_TOLERANCE = 20.0  # default tolerance of a colour key, in ΔE

MASK_FILES = ("file", "alpha", "video")

MASK_SOURCES = (*MASK_FILES, "polygon", "color", "luminance", "depth", "part")

WHOLE_PRODUCT = "*"  # value of `part` that stands for all parts

MAX_POINTS = 10_000


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))


def _check_points(value: Any) -> tuple[tuple[float, float], ...]:
    example = "write [[0.2, 0.3], [0.8, 0.3], [0.5, 0.9]]: x as a fraction of the width, y of the height"
    if not isinstance(value, list | tuple):
        raise ValueError(f"{quote_text(value)} is not a list of points; {example}")
    for number, point in enumerate(value, 1):
        if not _is_pair(point):
            raise ValueError(f"point {number}, {quote_text(point)}, is not two numbers; {example}")
        if not all(-10 <= at <= 10 for at in point):
            raise ValueError(
                f"point {number}, {quote_text(point)}, lies far outside the image; allowed -10..10"
            )
    if not 3 <= len(value) <= MAX_POINTS:
        raise ValueError(f"a polygon of {len(value)} points; allowed 3..{MAX_POINTS:,}")
    return tuple((float(x), float(y)) for x, y in value)


def _check_range(value: Any) -> tuple[float, float]:
    if not _is_pair(value) or not 0 <= value[0] < value[1] <= 1:
        raise ValueError(f"{quote_text(value)} is not a range; write [low, high] with 0 <= low < high <= 1")
    return float(value[0]), float(value[1])


def _check_color(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", value):
        raise ValueError(f'{quote_text(value)} is not a colour; write "#00ff00", in quotes')
    return value


_NUMBER_SCHEMA = {"type": "number"}

_PAIR_SCHEMA = {"type": "array", "items": _NUMBER_SCHEMA, "minItems": 2, "maxItems": 2}

Points = Annotated[
    Any,
    BeforeValidator(_check_points),
    WithJsonSchema({"type": "array", "items": _PAIR_SCHEMA, "minItems": 3}),
]

Range = Annotated[Any, BeforeValidator(_check_range), WithJsonSchema(_PAIR_SCHEMA)]

Color = Annotated[
    Any,
    BeforeValidator(_check_color),
    WithJsonSchema({"type": "string", "pattern": "^#([0-9a-fA-F]{3}){1,2}$"}),
]


class MaskOptions(Section):
    """Settings of one mask: exactly one of SOURCES, and changes to its edge and position."""

    file: Annotated[str, FileRef("mask")] | None = Field(
        None, description="image whose grey is the mask; transparent pixels are outside"
    )
    alpha: Annotated[str, FileRef("cutout")] | None = Field(
        None, description="image whose opacity is the mask"
    )
    video: VideoFile | None = Field(None, description="video whose grey is the mask, frame by frame")
    after: Literal["hold", "loop"] | None = Field(
        None, description="of a video shorter than the film: hold its last frame, or loop it"
    )
    polygon: Points | None = Field(None, description="points [x, y], as fractions of width and height")
    color: Color | None = Field(
        None, description="pixels of this colour in the start image, or else in the first painted frame"
    )
    within: Number | None = Field(
        None,
        ge=0,
        le=200,
        description=f"tolerance of `color`: largest distance, ΔE in LAB; default: {DEFAULT_TOLERANCE:g}",
    )
    luminance: Range | None = Field(
        None, description="pixels of the same image with a grey in [low, high], 0..1"
    )
    depth: Range | None = Field(
        None, description="pixels at a depth in [low, high], 0 nearest … 1 farthest, by `motion.depth`"
    )
    part: str | None = Field(
        None,
        max_length=100,
        description="part of the 3D product by its name, in every frame; '*' is all of it",
    )
    feather: Number = Field(
        0.0,
        ge=0,
        le=1000,
        description="width of the soft edge: in pixels from 1 on, below 1 a fraction of the width",
    )
    follow: bool = Field(
        True, description="true: the mask moves with the camera; false: it stays in place on the screen"
    )

    @property
    def source(self) -> str:
        """Name of the given setting of SOURCES; "" if there is none, which is a problem."""
        return next((name for name in MASK_SOURCES if getattr(self, name) is not None), "")


def expand_lock(value: Any) -> Any:
    """Expand the short forms: `lock: label` means `lock: {mask: label}`, `lock: true` locks the mask `product`."""
    if isinstance(value, bool):
        return {"mask": "product"} if value else {}
    return {"mask": value} if isinstance(value, str) else value


FOOTAGE_FILE: SettingPath = ("footage", "file")


class FootageOptions(Section):
    """Footage settings that cannot change over time."""

    file: VideoFile | None = Field(
        None, description="video that is painted over, in any format that ffmpeg reads"
    )
    start: Number = Field(0.0, ge=0, le=86_400, description="seconds into the video at which the film begins")
    motion: Literal["none", "affine", "perspective", "flow"] = Field(
        "none", description="way in which the painted frame follows the video's motion"
    )


def expand_footage(value: Any) -> Any:
    """Expand the short form: `footage: street.mp4` means `footage: {file: street.mp4}`."""
    return {"file": value} if isinstance(value, str) else value


def _check_views(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(file, str) for file in value.values()):
        raise ValueError(
            f"{short_repr(value)} is not a list of images such as {{0: front.png, 3s: side.png}}"
        )
    return {str(time): file for time, file in value.items()}


Views = Annotated[
    Any,
    BeforeValidator(_check_views),
    IMAGE_REF,
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


class DetailOptions(Section):
    """Detail-pass settings that cannot change over time."""

    prompt: str | None = Field(
        None, max_length=4_000, description="prompt for the parts; default: the frame's own prompt"
    )
    padding: Number = Field(
        0.25,
        ge=0,
        le=4,
        description="surroundings included on each side of a part, as a fraction of its length",
    )


DetailCurves: Any = curve_section("DetailCurves", Detail, DetailOptions)


def expand_detail(value: Any) -> Any:
    """Expand the short form: `detail: label` means `detail: {mask: label}`."""
    return {"mask": value} if isinstance(value, str) else value
