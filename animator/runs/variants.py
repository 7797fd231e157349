"""Variants of a still: every combination of seeds, prompts, LoRA scales and strengths, as one scene each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from animator.errors import RunError, suggest
from animator.scene.parse import parse_document
from animator.scene.resolve import dump_yaml, to_yaml
from animator.scene.scene import Scene
from animator.scene.variables import escape_braces
from animator.timeline.load import loads

MAX_VARIANTS = 256  # variants: a larger sheet could not be read


@dataclass(frozen=True, slots=True)
class VariantAxis:
    """A setting that varies: `kind` is seed, prompt, strength or, with `lora`, a LoRA's name."""

    kind: str
    values: tuple[Any, ...]
    lora: bool = False

    def label(self, value: Any) -> str:
        return str(value) if self.kind == "prompt" else f"{self.kind} {value:g}"


@dataclass(frozen=True, slots=True)
class VariantGrid:
    """Axes of a sheet: columns are seeds, else the last axis given; rows are all combinations of the others."""

    rows: tuple[VariantAxis, ...]
    columns: VariantAxis

    def cells(self) -> list[list[list[tuple[VariantAxis, Any]]]]:
        """Return the value of every axis, by row and column."""
        across = [(self.columns, value) for value in self.columns.values]
        down = product(*([(axis, value) for value in axis.values] for axis in self.rows))
        return [[[*row, cell] for cell in across] for row in down]

    def row_labels(self) -> list[str]:
        down = product(*([axis.label(value) for value in axis.values] for axis in self.rows))
        return ["\n".join(row) for row in down]

    def column_labels(self) -> list[str]:
        return [self.columns.label(value) for value in self.columns.values]


def plan_grid(axes: Sequence[VariantAxis]) -> VariantGrid:
    """Arrange the axes as rows and columns. Raises RunError if there is none, or more than MAX_VARIANTS."""
    if not axes:
        raise RunError("nothing varies: give --seeds, --prompts, --lora-scale or --strengths")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MAX_VARIANTS:
        raise RunError(f"{count} variants; at most {MAX_VARIANTS}")
    columns = next((axis for axis in axes if axis.kind == "seed" and not axis.lora), axes[-1])
    return VariantGrid(tuple(axis for axis in axes if axis is not columns), columns)


def with_values(scene: Scene, values: Sequence[tuple[VariantAxis, Any]]) -> Scene:
    """Return `scene` with other values on the given axes, for the whole film. Raises RunError, SceneError."""
    data = parse_document(to_yaml(scene), "resolved.yaml").data
    for axis, value in values:
        if axis.lora:
            data["loras"] = {**data.get("loras", {}), _require_lora(axis.kind, data["model"]["loras"]): value}
        elif axis.kind == "seed":
            seed = {name: kept for name, kept in data["painting"]["seed"].items() if name != "at"}
            data["painting"]["seed"] = {**seed, "start": value, "behavior": "fixed"}
        elif axis.kind == "prompt":
            data["prompts"]["at"] = escape_braces(value)
        else:
            data["painting"]["strength"] = value
    return loads(dump_yaml(data), scene.folder)


def _require_lora(name: str, declared: Mapping[str, Any]) -> str:
    if name in declared:
        return name
    known = suggest(name, declared) if declared else "none are declared there"
    raise RunError(f"--lora-scale {name}: no LoRA of that name in model.loras; {known}")
