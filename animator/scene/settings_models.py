"""LoRA settings of a schedule file: files, scales over time and per block; checks that they fit the model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import ModelError, Path, Problem, nearest, quoted, shown
from animator.models import lora_file, nano
from animator.scene.fields import CURVE_SCHEMA, Section, curve
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene

SDXL_WIDTH = 2048  # width of the text embeddings that SDXL's cross attention reads
_BLOCK = re.compile(r"mid|text|(down|up)(_\d)?")
_CROSS = re.compile(r"(model\.diffusion_model\.|^unet\.|^)(input_blocks|down_blocks).*attn2\.to_k\.weight$")


class LoraFile(Section):
    """File of one LoRA."""

    file: str = Field(
        description=".safetensors file, relative to the schedule file or absolute; or nano-few-steps, bundled"
    )


def scale_and_blocks(value: Any) -> tuple[Any, dict[str, Any]]:
    """Return a LoRA's scale, and its factors in single blocks; `0.8` is short for `{scale: 0.8}`."""
    if isinstance(value, dict) and value and set(value) <= {"scale", "blocks"}:
        return value.get("scale", 1.0), value.get("blocks", {})
    return value, {}


def _scale(value: Any) -> Any:
    scale, blocks = scale_and_blocks(value)
    curve(scale)
    if not isinstance(blocks, dict):
        raise ValueError(f"{shown(blocks)} is not a group of blocks such as {{down: 0.5, mid: 1, up: 0}}")
    for name, item in blocks.items():
        if not _BLOCK.fullmatch(str(name)):
            raise ValueError(
                f"{name!r} is not a block; known: down, mid, up, text, and single ones: down_1, up_0"
            )
        curve(item)
    return value


_BLOCKS = {"type": "object", "additionalProperties": CURVE_SCHEMA}
_SCALE = {
    "type": "object",
    "properties": {"scale": CURVE_SCHEMA, "blocks": _BLOCKS},
    "additionalProperties": False,
}
Scale = Annotated[Any, BeforeValidator(_scale), WithJsonSchema({"anyOf": [*CURVE_SCHEMA["anyOf"], _SCALE]})]


def declared(data: Any) -> dict[str, Any]:
    """Return the entries of `model.loras` as written, including those with mistakes; {} if it is not a group."""
    for name in ("model", "loras"):
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def lora_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of LoRAs and embeddings: names, files, and LoRAs made for another model."""
    names = declared(scene.document.data)
    for name in scene.settings.loras:
        if name not in names:
            known = nearest(name, names) if names else "none are declared there"
            yield scene.problem(("loras", name), f"no LoRA of that name in model.loras; {known}")
    for name, lora in scene.settings.model.loras.items():
        path = ("model", "loras", name, "file")
        yield from _file(scene, path, lora.file) or _unfit(scene, path, scene.file(path, lora.file))
    for name, file in scene.settings.model.embeddings.items():
        here = ("model", "embeddings", name)
        if not re.fullmatch(r"[^\W_][\w-]*", name) or len(name) > 60:
            message = f"{quoted(name)} cannot name an embedding: use one word of letters, digits, - and _"
            yield Problem(scene.document.name(here), here, message)
        yield from _file(scene, here, file)


def _file(scene: Scene, path: Path, name: str) -> list[Problem]:
    file = scene.file(path, name)
    if file.suffix != ".safetensors":
        return [
            scene.problem(path, f"{quoted(name)}: only .safetensors files are loaded; others can run code")
        ]
    return [] if is_file(file) else [scene.problem(path, f"no such file: {file}")]


def _unfit(scene: Scene, path: Path, file: FilePath) -> Iterator[Problem]:
    """Yield the problem of a LoRA that is unreadable or made for another model; only headers are read."""
    try:
        facts = lora_file.read(file)
    except ModelError as error:
        yield scene.problem(path, str(error))
        return
    base = scene.settings.model.base
    width = text_width(base, scene.file(("model", "base"), base))
    if width is None or (facts.width in (None, width) and not facts.base.startswith("a transformer")):
        return
    model = lora_file.BASES.get(width, f"a model with text embeddings of width {width}")
    remedy = f"set model.base to the model it was trained on, or use a LoRA for {model}"
    yield scene.problem(path, f"made for {facts.base}, but {base} is {model}; {remedy}")


def text_width(base: str, place: FilePath) -> int | None:
    """Return the width of the text embeddings that a model reads, from its config or header; None if unknown."""
    if base == "nano":
        place = nano.WEIGHTS
    try:
        stamp = (place / "unet" / "config.json" if place.is_dir() else place).stat().st_mtime_ns
    except (OSError, ValueError):  # a missing file, or a name that the OS rejects
        return SDXL_WIDTH if re.fullmatch(r"[\w.-]+/[\w.-]+", base) else None  # a hub id
    return _width(place, stamp)


@lru_cache(maxsize=16)
def _width(place: FilePath, _time: int) -> int | None:
    try:
        if place.is_dir():
            config = json.loads((place / "unet" / "config.json").read_text(encoding="utf8"))
            width = config.get("cross_attention_dim")
            return width if isinstance(width, int) else None
        found = {
            shape[-1] for name, shape in lora_file.shapes(place).items() if shape and _CROSS.search(name)
        }
        return next(iter(found)) if len(found) == 1 else None
    except (OSError, ValueError, AttributeError, RecursionError, ModelError):
        return None  # loading the model reports the reason
