"""What is made of a film's pictures: the video's codec and quality, the other files, formats of other shapes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import nearest, shown
from animator.frame import Framing
from animator.imaging.codecs import FILMS
from animator.scene.fields import Section, TextOrNumber, Whole, curves
from animator.scene.upscale import Finished

# What can be made, by its name in `also`, and the file that it becomes.
KINDS = {
    "mp4": "video.mp4",  # the film's own, made anew
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
CODEC = {  # of the kinds that are videos of one codec; `mp4` is of the film's own
    **{name: name for name in (*FILMS, "prores", "prores-alpha")},
    "webm": "vp9",
    "webm-alpha": "vp9-alpha",
}
NO_SHAPE = ("srt",)  # what is the same for every shape
SMALLEST, LARGEST = 16, 8192  # pixels of a side
_SHAPE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*[xX×:]\s*(\d{1,4}(?:\.\d{1,3})?)")
_BYTES = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(k|M|G)?B?", re.IGNORECASE)
_UNIT = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def shape(name: str) -> tuple[float, float] | None:
    """Width and height from `9x16`, `9:16` or `1080x1920`; None where it is neither."""
    match = _SHAPE.fullmatch(name.strip())
    sides = (float(match[1]), float(match[2])) if match else (0.0, 0.0)
    return sides if min(sides) > 0 and 1 / 10 <= sides[0] / sides[1] <= 10 else None


def is_pixels(sides: tuple[float, float]) -> bool:
    """Whether a shape says how large it is: 1080x1920 does, 9x16 does not."""
    return max(sides) >= 100


def split(word: str) -> tuple[str, str]:
    """Kind and shape of a word of `also`: `gif@9x16` is ("gif", "9x16"), `gif` is ("gif", "")."""
    kind, _, form = word.partition("@")
    return kind.strip(), _named(form)


def _named(form: str) -> str:
    """A shape's name as it stands in a file's name."""
    return re.sub(r"\s*[X×:]\s*", "x", form.strip())


def file_name(word: str) -> str:
    """The file that a word of `also` becomes: `gif@9x16` is video-9x16.gif."""
    kind, form = split(word)
    stem, _, extension = KINDS[kind].partition(".")
    return f"{stem}-{form}.{extension}" if form else KINDS[kind]


def cut_out(word: str) -> bool:
    """Whether it is of the product alone, on transparent."""
    return split(word)[0].endswith("-alpha")


def word(text: Any) -> str:
    """A word of `also`, as it is written in the end. Raises ValueError."""
    kind, form = split(text) if isinstance(text, str) else ("", "")
    if kind not in KINDS:
        raise ValueError(f"{shown(text)} is nothing that can be made; {nearest(str(text), KINDS)}")
    if form and kind in NO_SHAPE:
        raise ValueError(f"{kind!r} is the same for every shape; write {kind!r} alone")
    return f"{kind}@{form}" if form else kind


def _also(value: Any) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError(f"{shown(value)} is not a list such as [gif, poster, sheet]")
    return list(dict.fromkeys(map(word, listed)))


def size(value: Any) -> int | None:
    """Bytes from 8MB, "500 kB" or a number of them; `none` is no limit. Raises ValueError."""
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
    """`frame: [9x16, 1x1]` is short for `frame: {9x16: {}, 1x1: {}}`."""
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
    """What of a shape is no curve."""

    follow: str = Field(
        "", description="masks: it keeps their middle in its own; x and y other than 0.5 shift it"
    )


FrameCurves: Any = curves("FrameCurves", Framing, Following)


class Output(Finished):
    format: Literal["mp4"] = Field(
        "mp4", description="the film itself is an MP4; `also` names what else is made"
    )
    codec: Literal["h264", "h265", "av1"] = Field(
        "h264", description="of the MP4: plays everywhere; half the size; smaller still, and slow to make"
    )
    quality: Literal["draft", "good", "best"] = Field(
        "good", description="of every video, and how long it takes"
    )
    crf: Whole | None = Field(
        None,
        ge=0,
        le=63,
        description="quality of the MP4 as its codec's number, in place of a word; smaller is better and larger",
    )
    also: Also = Field([], description=f"what else is made, e.g. [gif, poster, gif@9x16]: {', '.join(KINDS)}")
    frame: Annotated[dict[str, FrameCurves], BeforeValidator(_frame)] = Field(
        default_factory=dict,
        description="shapes cut out of the picture, each an MP4 of its own: {9x16: {x: 0.4}}",
    )
    mask: str | None = Field(
        None, description="masks: what `…-alpha` cuts out; default: `product`, or the only mask"
    )
    max_size: Annotated[TextOrNumber, BeforeValidator(_size)] = Field(
        "16MB",
        description="of a GIF and a WebP: they get smaller and slower until they fit; `none` is no limit",
    )
    repeat: Literal["auto", "forever", "once"] = Field(
        "auto", description="how often a GIF and a WebP play; auto: for ever if the film is a loop"
    )
    poster: TextOrNumber | None = Field(
        None, description="time of the poster, e.g. 2s or end; default: where a late painting shows most"
    )
