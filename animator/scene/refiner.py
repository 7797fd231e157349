"""The refiner of a schedule file: a second SDXL that takes paintings over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from animator.errors import Path, Problem
from animator.scene.fields import Number, Section

if TYPE_CHECKING:
    from animator.scene.scene import Scene

BASE: Path = ("model", "refiner", "base")


class Refiner(Section):
    """A refiner, and what it refines."""

    base: str = Field(
        description="hub id or diffusers folder, e.g. stabilityai/stable-diffusion-xl-refiner-1.0"
    )
    at: Number = Field(
        0.8, ge=0.05, le=0.99, description="part of the noise after which it takes over from the base"
    )
    paints: Literal["fresh", "every"] = Field(
        "fresh", description="paintings from nothing, such as the first of a film, or every one"
    )


def refiner_by_name(value: Any) -> Any:
    """`refiner: some/refiner` is short for `refiner: {base: some/refiner}`."""
    return {"base": value} if isinstance(value, str) else value


def refiner_problems(scene: Scene) -> Iterator[Problem]:
    """What is wrong with a refiner that is named."""
    refiner = scene.settings.model.refiner
    if refiner is None:
        return
    place = scene.file(BASE, refiner.base)
    if place.suffix in (".safetensors", ".ckpt", ".pt", ".bin"):
        yield scene.problem(BASE, "a refiner is a hub id or a diffusers folder; single files are not taken")
    elif place.parent.is_dir() and place.parent != scene.folder and not place.is_dir():
        yield scene.problem(BASE, f"no such folder: {place}")


def refiner_notes(scene: Scene) -> Iterator[Problem]:
    """What a refiner may undo."""
    model = scene.settings.model
    if model.refiner is not None and model.loras:
        names = ", ".join(model.loras)
        says = f"the refiner knows nothing of the LoRAs ({names}), and may paint their subject away; look at a frame"
        yield scene.problem(("model", "refiner"), says)
