"""Explain pydantic's validation errors: what is wrong, what is allowed, and its position in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from animator.errors import Problem, nearest, shown
from animator.scene.fields import optional
from animator.scene.parse import Document


def refusal(document: Document, item: Any, root: type[BaseModel], besides: Sequence[str] = ()) -> Problem:
    """Convert `item`, a pydantic error about `document` validated as a `root`, to a problem with its position.

    `besides` are top-level names to suggest although they are not settings of `root`.
    """
    path = tuple(str(part) for part in item["loc"])
    where = document.name if item["type"] == "extra_forbidden" else document.place
    return Problem(where(path), path, _explain(item, item["loc"], root, besides))


def _explain(item: Any, loc: tuple[int | str, ...], root: type[BaseModel], besides: Sequence[str]) -> str:
    """Return the message for an error of pydantic: what is wrong; what is allowed."""
    given = item.get("input")
    match item["type"]:
        case "extra_forbidden" if given is None and {" ", ":"} & set(str(loc[-1])):
            # In {at: a red mug, white background} and {zoom: 0:(1.0), 30:(1.04)} YAML ends the text at the
            # comma and reads the rest as a name.
            return "no such setting; a text with a comma inside { } needs quotes round it"
        case "extra_forbidden":
            known = _names(loc[:-1], root)
            return f"no such setting; {nearest(str(loc[-1]), known if loc[:-1] else [*known, *besides])}"
        case "missing":
            return "must be given"
        case "literal_error":
            return f"{shown(given)} is not known; allowed: {item['ctx']['expected']}"
        case "value_error":
            return str(item["ctx"]["error"])
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{shown(given)} is not a whole number"
        case "float_parsing" | "float_type":
            return f"{shown(given)} is not a number"
        case "string_type":
            return f"{shown(given)} is not a text; put quotes round it"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{shown(given)} is not a group of settings; known: {', '.join(_names(loc, root)) or 'any name'}"
        case _:
            return f"{shown(given)}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _names(loc: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """Return the names of the settings in the section at `loc`; [] if it has no fixed names."""
    model: Any = root
    for part in loc:
        # In dict[str, LoraFile] every name has the same fields.
        named = get_origin(model) is dict
        model = get_args(model)[1] if named else optional(model.model_fields[str(part)].annotation)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]
