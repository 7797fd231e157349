"""Prompt settings of a schedule file: texts over time, their blending, and styles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from animator.errors import shown
from animator.scene.fields import Section, TextOrNumber

MAX_PROMPT = 4_000  # characters; SDXL encodes about 300 at a time


def _prompt(text: str) -> str:
    if len(text) > MAX_PROMPT:
        raise ValueError(f"a prompt of {len(text):,} characters; at most {MAX_PROMPT:,}")
    return text


def _texts(value: Any) -> Any:
    if isinstance(value, dict) and value and all(isinstance(item, str) for item in value.values()):
        return {key: _prompt(item) for key, item in value.items()}
    if isinstance(value, str):
        return _prompt(value)
    raise ValueError(f"{shown(value)} is not a text or keyframes of texts such as {{0: first, 2s: second}}")


_TEXTS = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
Texts = Annotated[Any, BeforeValidator(_texts), WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS]})]


class Prompts(Section):
    """Prompts and negative prompts over time, their blending, and their styles."""

    at: Texts = Field("", description="prompt: a text, or keyframes of texts")
    common: Annotated[str, AfterValidator(_prompt)] = Field("", description="text added to each prompt")
    negative: Texts = Field("", description="negative prompt: a text, or keyframes of texts")
    travel: TextOrNumber = Field(
        0, description="frames (or 0.5s) over which one prompt blends into the next; 0 = cut"
    )
    blend: Literal["linear", "slerp"] = Field(
        "linear", description="interpolation of embeddings: along a line, or rotated at constant speed"
    )
    style: Texts = Field(
        "", description="name of a style, or keyframes of names; `animator styles` lists them"
    )
    styles_file: str | None = Field(None, description="YAML file with your own styles, by name")
