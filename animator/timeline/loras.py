"""LoRA scales and block factors per frame, from curves and prompt tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from animator.errors import Path
from animator.scene.settings_models import scale_and_blocks
from animator.timeline.reader import Reader

SCALE = (-10.0, 10.0)  # negative scales invert a LoRA's effect; beyond this range images are noise

Column = list[float]
Blocks = list[Mapping[str, Mapping[str, float]]]


def scales(reader: Reader, tagged: Mapping[str, Column]) -> tuple[list[dict[str, float]], Blocks]:
    """Return the scale of every LoRA on each frame, by name, and its block factors, by name and block.

    A scale is 1 unless a curve of `loras` or a tag sets it; `tagged` has the scales set by tags. `reader` collects the
    problems.
    """
    settings, frames = reader.scene.settings, reader.clock.frames
    found: dict[str, Column] = {}
    columns: dict[str, dict[str, Column]] = {}
    for name in [
        *settings.model.loras,
        *(name for name in settings.loras if name not in settings.model.loras),
    ]:
        written = settings.loras.get(name, 1.0)
        scale, blocks = scale_and_blocks(written)
        path: Path = ("loras", name)
        scaled = written is scale or "scale" in written
        if name in tagged and name in settings.loras and scaled:
            message = f"its scale is also set by a <lora:{name}:…> tag in the prompts; keep one of them"
            reader.problems.append(reader.scene.problem(path, message))
        found[name] = (
            within(reader, tagged[name], name) if name in tagged
            else reader.numbers(scale, path if written is scale else (*path, "scale"), SCALE)
        )  # fmt: skip
        if blocks:
            columns[name] = {
                block: reader.numbers(item, (*path, "blocks", block), SCALE) for block, item in blocks.items()
            }
    whole = [{name: column[i] for name, column in found.items()} for i in range(frames)]
    return whole, [_at(columns, i) for i in range(frames)] if columns else [{}] * frames


def within(reader: Reader, column: Column, name: str) -> Column:
    """Return `column`, the scales of a tag; `reader` collects the first one out of range as a problem."""
    low, high = SCALE
    bad = next((i for i, value in enumerate(column) if not low <= value <= high), None)
    if bad is not None:
        message = f"<lora:{name}> is {column[bad]:g} at frame {bad}; allowed {low:g}..{high:g}"
        reader.problems.append(reader.scene.problem(("prompts", "at"), message))
    return column


def _at(columns: Mapping[str, Mapping[str, Column]], frame: int) -> dict[str, Any]:
    """Return {LoRA: {block: factor}} of one frame."""
    return {
        name: {block: column[frame] for block, column in blocks.items()} for name, blocks in columns.items()
    }
