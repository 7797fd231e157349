"""Building blocks of settings: the base class of sections, and the types of numbers, texts and curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from animator.errors import shown

Scalar = int | float | str
CurveValue = Scalar | dict[str, Any]  # number, expression, key string, or keyframe → value


def curve(value: Any) -> CurveValue:
    """Return `value` if its type can be a curve; its content is parsed later. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, Scalar | dict):
        raise ValueError(f"{shown(value)} is not a number, an expression, a key string or keyframes")
    return value


_KEYFRAMES = {
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
CURVE_SCHEMA: dict[str, Any] = {"anyOf": [{"type": ["number", "string"]}, _KEYFRAMES]}
Curve = Annotated[Any, BeforeValidator(curve), WithJsonSchema(CURVE_SCHEMA)]


def _scalar(value: Any) -> Scalar:
    """Return a text or a number. Raises ValueError once, where a union type would report one error per type."""
    if isinstance(value, bool) or not isinstance(value, Scalar):
        raise ValueError(f"{shown(value)} is not a text or a number")
    return value


def _number(value: Any) -> Any:
    """Return `value` unless it is true, false or text: `frames: true` is a mistake, not one frame."""
    if isinstance(value, bool | str):
        raise ValueError(f"{shown(value)} is not a number")
    return value


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
TextOrNumber = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "number"]})]


class Section(BaseModel):
    """Base class of sections of a schedule file: immutable, and unknown settings are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    def written(self) -> dict[str, Any]:
        """Return the settings given in the file, by name; defaults are left out."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def curves(name: str, settings: type, base: type[Section], **more: Any) -> Any:
    """Create a section class with a curve for each field of the dataclass `settings`, besides the fields of `base`."""
    found: Any = {
        item.name: (Curve, Field(item.default, description=item.metadata["says"] + _range(item.metadata)))
        for item in fields(settings)
    }
    return create_model(name, __base__=base, **more, **found)


def _range(metadata: Mapping[str, float]) -> str:
    return f"; {metadata['low']:g}..{metadata['high']:g}" if isfinite(metadata["high"]) else ""


def optional(annotation: Any) -> Any:
    """Return an annotation without None: `Shake | None` → `Shake`; other annotations unchanged."""
    given = [kind for kind in get_args(annotation) if kind is not type(None)]
    return given[0] if isinstance(annotation, UnionType) or get_origin(annotation) is Union else annotation
