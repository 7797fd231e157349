"""Variants of a still: every combination of seeds, prompts, LoRA scales and strengths, as one scene each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from animator.errors import RunError, nearest
from animator.render.pipeline import loads
from animator.scene.parse import parse
from animator.scene.resolve import resolved, written
from animator.scene.scene import Scene
from animator.scene.variables import escape

MOST = 256  # variants: a larger sheet could not be read


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting that varies: `kind` is seed, prompt, strength or, with `lora`, a LoRA's name."""

    kind: str
    values: tuple[Any, ...]
    lora: bool = False

    def label(self, value: Any) -> str:
        return str(value) if self.kind == "prompt" else f"{self.kind} {value:g}"


@dataclass(frozen=True, slots=True)
class Variants:
    """Axes of a sheet: columns are seeds, else the last axis given; rows are all combinations of the others."""

    rows: tuple[Axis, ...]
    columns: Axis

    def cells(self) -> list[list[list[tuple[Axis, Any]]]]:
        """Return the value of every axis, by row and column."""
        across = [(self.columns, value) for value in self.columns.values]
        down = product(*([(axis, value) for value in axis.values] for axis in self.rows))
        return [[[*row, cell] for cell in across] for row in down]

    def row_labels(self) -> list[str]:
        down = product(*([axis.label(value) for value in axis.values] for axis in self.rows))
        return ["\n".join(row) for row in down]

    def column_labels(self) -> list[str]:
        return [self.columns.label(value) for value in self.columns.values]


def laid_out(axes: Sequence[Axis]) -> Variants:
    """Arrange the axes as rows and columns. Raises RunError if there is none, or more than MOST variants."""
    if not axes:
        raise RunError("nothing varies: give --seeds, --prompts, --lora-scale or --strengths")
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        raise RunError(f"{count} variants; at most {MOST}")
    columns = next((axis for axis in axes if axis.kind == "seed" and not axis.lora), axes[-1])
    return Variants(tuple(axis for axis in axes if axis is not columns), columns)


def varied(scene: Scene, values: Sequence[tuple[Axis, Any]]) -> Scene:
    """Return `scene` with other values on the given axes, for the whole film. Raises RunError, SceneError."""
    data = parse(resolved(scene), "resolved.yaml").data
    for axis, value in values:
        if axis.lora:
            data["loras"] = {**data.get("loras", {}), _known(axis.kind, data["model"]["loras"]): value}
        elif axis.kind == "seed":
            seed = {name: kept for name, kept in data["painting"]["seed"].items() if name != "at"}
            data["painting"]["seed"] = {**seed, "start": value, "behavior": "fixed"}
        elif axis.kind == "prompt":
            data["prompts"]["at"] = escape(value)
        else:
            data["painting"]["strength"] = value
    return loads(written(data), scene.folder)


def _known(name: str, declared: Mapping[str, Any]) -> str:
    if name in declared:
        return name
    known = nearest(name, declared) if declared else "none are declared there"
    raise RunError(f"--lora-scale {name}: no LoRA of that name in model.loras; {known}")
