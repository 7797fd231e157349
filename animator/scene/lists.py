"""Types of settings that are lists: times, and the colours of a palette."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

NO = (False, 0, "no", "off", "false")  # in YAML 1.2, "no" and "off" are text
_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_TIMES = {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 1}
_COLOR = rf"^(?:{_HEX.pattern}|\{{\w+\}})$"  # a colour, or a {variable}
_COLORS = {"type": "array", "items": {"type": "string", "pattern": _COLOR}}


def _times(value: Any) -> list[str]:
    listed = isinstance(value, list) and value and all(type(item) in (int, float, str) for item in value)
    if not listed:
        raise ValueError(f"{value!r} is not a list of times such as [0, 2s, 50%, end]")
    return [str(item) for item in value]


def _paint(value: Any) -> Any:
    """Return a list of times or an expression, from either of them or from {at: either, or keyframes of yes/no}."""
    if isinstance(value, dict) and set(value) == {"at"}:
        value = value["at"]
        if isinstance(value, dict):
            value = [key for key, wanted in value.items() if wanted not in NO]
    return value if isinstance(value, str) else _times(value)


def _colors(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of colours such as ['#0a84ff', '#fff']")
    for item in value:
        # An unquoted "#" leaves None: YAML reads the rest of the line as a comment.
        if not isinstance(item, str) or not _HEX.fullmatch(item):
            raise ValueError(f"{item!r} is not a colour; write it in quotes: '#0a84ff' or '#08f'")
    return value


Times = Annotated[Any, BeforeValidator(_times), WithJsonSchema(_TIMES)]
_YES_NO = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["number", "boolean"]}}
_AT = {
    "type": "object",
    "properties": {"at": {"anyOf": [{"type": "string"}, _TIMES, _YES_NO]}},
    "required": ["at"],
    "additionalProperties": False,
}
Paint = Annotated[Any, BeforeValidator(_paint), WithJsonSchema({"anyOf": [{"type": "string"}, _TIMES, _AT]})]
Colors = Annotated[Any, BeforeValidator(_colors), WithJsonSchema(_COLORS)]


def rgb(color: str) -> tuple[int, int, int]:
    """Return (red, green, blue), 0..255 each, of a colour such as `#0a84ff` or `#08f`."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue
