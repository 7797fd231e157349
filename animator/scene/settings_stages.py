"""Stages that change the images of a film, by name, and the settings of those that plug-ins add.

A plug-in's stage is a frozen dataclass whose fields are made by `setting`: the settings that a schedule file may
give under `stages.NAME`, each as a curve. One instance per frame holds the values; its methods `before` and `after`
change the image that is painted over and the painted image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, LiteralString

from pydantic import BeforeValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from animator.errors import PluginError, short_repr, suggest
from animator.scene.fields import CURVE_SCHEMA, Section, curve_section
from animator.scene.plugins import Registry


def _stage_mismatch(found: Any) -> str:
    """Return an objection to the object that a plug-in provides as a stage, or ""."""
    if not (isinstance(found, type) and is_dataclass(found)):
        return "it is not a dataclass"
    if not (hasattr(found, "before") or hasattr(found, "after")):
        return "it has neither a method 'before' nor a method 'after'"
    for field in fields(found):
        if type(field.default) not in (int, float) or not {"says", "low", "high"} <= set(field.metadata):
            return f"its field {field.name!r} is not made by animator.frame.setting or rate with a number"
    return ""


# Built-in stages run in this order; their settings are in `grade`, and each is made by a function of grading.py.
STAGES: Registry[Any] = Registry(
    "animator.stages",
    "stage",
    {
        name: f"animator.render.grading:{name}_stages"
        for name in ("color", "contrast", "sharpen", "noise", "palette")
    },
    _stage_mismatch,
)


UNKNOWN_STAGE = "unknown_stage"  # type of the validation error at a name that is no stage's


@cache
def stage_section(name: str) -> type[Section]:
    """Return the section `stages.NAME`, with a curve for each setting of the stage. Raises PluginError."""
    section: type[Section] = curve_section(f"{name}_stage", STAGES.load(name), Section)
    return section


def stage_setting_names(path: tuple[Any, ...]) -> list[str]:
    """Return the names of the settings of the stage at `path` inside `stages`; [] if `path` leads elsewhere."""
    return list(stage_section(path[0]).model_fields) if len(path) == 1 else []


def _parse_stages(value: Any) -> Any:
    """Return the section of each stage. Raises ValidationError with all mistakes, each with its path."""
    if not isinstance(value, dict):
        raise ValueError(f"{short_repr(value)} is not a group of stages such as {{NAME: {{SETTING: 0.5}}}}")
    found: dict[str, Section] = {}
    mistakes: list[InitErrorDetails] = []
    for name, given in value.items():
        if name in STAGES.builtins:
            mistakes.append(_mistake(name, given, "built in; its settings are in 'grade'"))
        elif name not in STAGES:
            known = suggest(str(name), STAGES.plugins) if STAGES.plugins else "no plug-in adds any"
            mistakes.append(_mistake(name, given, f"no such stage; {known}", UNKNOWN_STAGE))
        else:
            try:
                found[name] = stage_section(name).model_validate({} if given is None else given)
            except PluginError as error:
                mistakes.append(_mistake(name, given, str(error)))
            except ValidationError as error:
                mistakes += [_inside(name, item) for item in error.errors(include_url=False)]
    if mistakes:
        raise ValidationError.from_exception_data("stages", mistakes)
    return found


def _mistake(name: str, given: Any, message: str, kind: LiteralString = "value_error") -> InitErrorDetails:
    return {
        "type": PydanticCustomError(kind, "{error}", {"error": message}),
        "loc": (name,),
        "input": given,
    }


def _inside(name: str, item: Mapping[str, Any]) -> InitErrorDetails:
    """Return a mistake found in the section of a stage with its path from `stages`."""
    return {
        "type": item["type"],
        "loc": (name, *item["loc"]),
        "input": item["input"],
        "ctx": item.get("ctx", {}),
    }


_SECTION_SCHEMA = {"type": "object", "additionalProperties": CURVE_SCHEMA}

Stages = Annotated[
    Any,
    BeforeValidator(_parse_stages),
    WithJsonSchema({"type": "object", "additionalProperties": _SECTION_SCHEMA}),
]
