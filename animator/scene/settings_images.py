"""Mask settings of a schedule file: the source of each named mask, and its shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import Path, Problem, quoted
from animator.scene.fields import Number, Section
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene

EVERYWHERE = "everywhere"  # name of the built-in mask of the whole image
WITHIN = 20.0  # default tolerance of a colour key, in ΔE
FILES = ("file", "alpha", "video")
SOURCES = (*FILES, "polygon", "color", "luminance", "depth")
MOST_POINTS = 10_000


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))


def _points(value: Any) -> tuple[tuple[float, float], ...]:
    example = "write [[0.2, 0.3], [0.8, 0.3], [0.5, 0.9]]: x as a fraction of the width, y of the height"
    if not isinstance(value, list | tuple):
        raise ValueError(f"{quoted(value)} is not a list of points; {example}")
    for number, point in enumerate(value, 1):
        if not _pair(point):
            raise ValueError(f"point {number}, {quoted(point)}, is not two numbers; {example}")
        if not all(-10 <= at <= 10 for at in point):
            raise ValueError(f"point {number}, {quoted(point)}, lies far outside the image; allowed -10..10")
    if not 3 <= len(value) <= MOST_POINTS:
        raise ValueError(f"a polygon of {len(value)} points; allowed 3..{MOST_POINTS:,}")
    return tuple((float(x), float(y)) for x, y in value)


def _range(value: Any) -> tuple[float, float]:
    if not _pair(value) or not 0 <= value[0] < value[1] <= 1:
        raise ValueError(f"{quoted(value)} is not a range; write [low, high] with 0 <= low < high <= 1")
    return float(value[0]), float(value[1])


def _color(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", value):
        raise ValueError(f'{quoted(value)} is not a colour; write "#00ff00", in quotes')
    return value


_NUMBER = {"type": "number"}
_PAIR = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
Points = Annotated[
    Any, BeforeValidator(_points), WithJsonSchema({"type": "array", "items": _PAIR, "minItems": 3})
]
Range = Annotated[Any, BeforeValidator(_range), WithJsonSchema(_PAIR)]
Color = Annotated[
    Any, BeforeValidator(_color), WithJsonSchema({"type": "string", "pattern": "^#([0-9a-fA-F]{3}){1,2}$"})
]


class Mask(Section):
    """Settings of one mask: exactly one of SOURCES, and changes to its edge and position."""

    file: str | None = Field(None, description="image whose grey is the mask; transparent pixels are outside")
    alpha: str | None = Field(None, description="image whose opacity is the mask")
    video: str | None = Field(None, description="video whose grey is the mask, frame by frame")
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
        description=f"tolerance of `color`: largest distance, ΔE in LAB; default: {WITHIN:g}",
    )
    luminance: Range | None = Field(
        None, description="pixels of the same image with a grey in [low, high], 0..1"
    )
    depth: Range | None = Field(
        None, description="pixels at a depth in [low, high], 0 nearest … 1 farthest, by `motion.depth`"
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
        return next((name for name in SOURCES if getattr(self, name) is not None), "")


def lock_by_mask(value: Any) -> Any:
    """Expand the short forms: `lock: label` means `lock: {mask: label}`, `lock: true` locks the mask `product`."""
    if isinstance(value, bool):
        return {"mask": "product"} if value else {}
    return {"mask": value} if isinstance(value, str) else value


def mask_files(scene: Scene) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value of every setting that names a mask's file."""
    for name, mask in scene.settings.masks.items():
        if mask.source in FILES:
            yield ("masks", name, mask.source), getattr(mask, mask.source)


def mask_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the masks: names, files and sources."""
    for path, file in mask_files(scene):
        if not is_file(scene.file(path, file)):
            yield scene.problem(path, f"no such file: {scene.file(path, file)}")
    for name, mask in scene.settings.masks.items():
        path = ("masks", name)
        # From the document: the settings lack values that have a problem of their own.
        yield from (scene.problem(path, says) for says in _sources(scene.document.data["masks"][name]))
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name) or name == EVERYWHERE:
            message = f"{name!r} cannot name a mask: use letters, digits and _; {EVERYWHERE!r} is reserved"
            yield Problem(scene.document.name(path), path, message)
        if mask.depth is not None and scene.settings.motion.depth == "flat":
            message = "the image has no depth; choose a depth source, e.g. motion: {depth: proxy}"
            yield scene.problem((*path, "depth"), message)


def _sources(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield messages about the sources of one mask."""
    for name in (name for name, value in written.items() if value is None):
        # An unquoted "#" leaves None: YAML reads the rest of the line as a comment.
        yield f'{name!r} has no value; a colour needs quotes: color: "#00ff00"'
    given = [name for name in SOURCES if name in written]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "none is given"
        yield f"a mask needs exactly one source of {', '.join(SOURCES)}; {found}"
    for extra, owner in (("within", "color"), ("after", "video")):
        if extra in written and given and given != [owner]:
            yield f"{extra!r} belongs to {owner!r}, not to {given[0]!r}"
