"""Messages for settings that are unknown or of a wrong type: pydantic's errors with line, column and advice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from animator.errors import Problem, short_repr, suggest
from animator.scene.fields import without_none
from animator.scene.parse import Document
from animator.scene.settings import Settings
from animator.scene.settings_stages import UNKNOWN_STAGE, stage_setting_names


def explain_validation_error(
    document: Document, item: Any, root: type[BaseModel], extra_keys: Sequence[str] = ()
) -> Problem:
    """Convert `item`, a pydantic error about `document` validated as a `root`, to a problem with its position.

    `extra_keys` are top-level names to suggest although they are not settings of `root`.
    """
    path = tuple(str(part) for part in item["loc"])
    where = document.key_place if item["type"] in ("extra_forbidden", UNKNOWN_STAGE) else document.value_place
    return Problem(where(path), path, _error_message(item, item["loc"], root, extra_keys))


def _error_message(
    item: Any, loc: tuple[int | str, ...], root: type[BaseModel], extra_keys: Sequence[str]
) -> str:
    """Return the message for an error of pydantic: what is wrong; what is allowed."""
    given = item.get("input")
    match item["type"]:
        case "extra_forbidden" if given is None and {" ", ":"} & set(str(loc[-1])):
            # In {at: a red mug, white background} and {zoom: 0:(1.0), 30:(1.04)} YAML ends the text at the
            # comma and reads the rest as a name.
            return "no such setting; a text with a comma inside { } needs quotes round it"
        case "extra_forbidden":
            known = _setting_names(loc[:-1], root)
            return f"no such setting; {suggest(str(loc[-1]), known if loc[:-1] else [*known, *extra_keys])}"
        case "missing":
            return "must be given"
        case "literal_error":
            return f"{short_repr(given)} is not known; allowed: {item['ctx']['expected']}"
        case "value_error" | "unknown_stage":
            return str(item["ctx"]["error"])
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{short_repr(given)} is not a whole number"
        case "float_parsing" | "float_type":
            return f"{short_repr(given)} is not a number"
        case "string_type":
            return f"{short_repr(given)} is not a text; put quotes round it"
        case "model_type" | "dict_type" | "model_attributes_type":
            names = ", ".join(_setting_names(loc, root)) or "any name"
            return f"{short_repr(given)} is not a group of settings; known: {names}"
        case _:
            return f"{short_repr(given)}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _setting_names(loc: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """Return the names of the settings in the section at `loc`; [] if it has no fixed names."""
    if root is Settings and loc[:1] == ("stages",):
        return stage_setting_names(loc[1:])
    model: Any = root
    for part in loc:
        # In dict[str, LoraFile] every name has the same fields.
        named = get_origin(model) is dict
        model = get_args(model)[1] if named else without_none(model.model_fields[str(part)].annotation)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]
