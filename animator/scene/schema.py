"""Table of settings for the documentation, and JSON Schema for editors, both generated from the definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from animator.scene.fields import OverTime, without_none
from animator.scene.settings import Settings, Texts


def settings_table(settings: type[BaseModel] = Settings) -> str:
    """Return a Markdown table of every setting in `settings`: name, default, meaning."""
    rows = [f"| `{name}` | {default} | {says} |" for name, default, says in _table_rows(settings, "")]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _table_rows(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        inner, path = _section_class(field), f"{prefix}{field.alias or name}"
        if inner is not None:
            yield from _table_rows(inner, f"{path}.NAME." if _is_dictionary(field) else f"{path}.")
        else:
            yield (
                f"{path}.NAME" if _is_dictionary(field) else path,
                _default_text(field),
                _meaning_text(field),
            )


def _is_dictionary(field: FieldInfo) -> bool:
    """Return whether a field is a dictionary with user-defined names."""
    return get_origin(field.annotation) is dict


def _section_class(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section class of a field, or of the values of a dictionary; None for other fields."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel):
        return type(default)
    inner = get_args(field.annotation)[-1] if _is_dictionary(field) else without_none(field.annotation)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _default_text(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    return "" if default in (None, "", {}) or field.is_required() else f"`{default}`"


def _meaning_text(field: FieldInfo) -> str:
    says = field.description or ""
    choices: tuple[Any, ...] = get_args(field.annotation) if get_origin(field.annotation) is not None else ()
    if choices and all(isinstance(choice, str) for choice in choices):
        says += f": {', '.join(f'`{choice}`' for choice in choices)}"
    # The values of a dictionary have their metadata in the annotation.
    inner = get_args(field.annotation)[-1] if _is_dictionary(field) else None
    marks = (*field.metadata, *getattr(inner, "__metadata__", ()))
    curve = next((mark for mark in marks if isinstance(mark, OverTime) and mark.kind == "curve"), None)
    if curve is not None:
        return f"*curve or total* · {says}" if curve.has_total else f"*curve* · {says}"
    is_text = {id(mark) for mark in marks} & {id(mark) for mark in Texts.__metadata__}
    return f"*keyframes* · {says}" if is_text else says


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a schedule file, with defaults and descriptions, for completion in editors."""
    found = Settings.model_json_schema()
    extends = {"type": "string", "description": "name of a preset, or a path relative to this file"}
    says = "settings that apply only if a variable is given, or for `nano` or `sdxl` alone: {nano: {painting: …}}"
    board = {
        "type": "string",
        "description": "CSV table of shots: time, sentence, motion, material, transition",
    }
    when = {"type": "object", "description": says, "additionalProperties": {"type": "object"}}
    loop = found["$defs"]["Video"]["properties"]["loop"]
    running = found["$defs"]["Model"]["properties"]
    for switch in (loop, running["tiling"], running["compile"]):
        switch["enum"] = [*switch["enum"], True, False]
    names = ("Seed", "LockCurves", "UpscaleCurves", "DetailCurves", "Refiner")
    seed, lock, upscale, detail, refiner = (found["$defs"][name] for name in names)
    short = {
        "Seed": {"anyOf": [{"type": "integer"}, seed]},
        "LockCurves": {"anyOf": [{"type": ["string", "boolean"]}, lock]},
        "DetailCurves": {"anyOf": [{"type": "string"}, detail]},
        "Refiner": {"anyOf": [{"type": "string"}, refiner]},
        "UpscaleCurves": {"anyOf": [{"type": ["string", "number"]}, upscale]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **found,
        "title": "animator schedule file",
        "properties": {"extends": extends, **found["properties"], "when": when, "storyboard": board},
        "$defs": {**found["$defs"], **short},
    }
