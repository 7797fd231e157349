"""Refiner settings of a schedule file: a second SDXL model for the last steps of a painting pass."""

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
    """Model of the refiner, its share of the steps, and the frames it paints."""

    base: str = Field(
        description="hub id or diffusers folder, e.g. stabilityai/stable-diffusion-xl-refiner-1.0"
    )
    at: Number = Field(
        0.8,
        ge=0.05,
        le=0.99,
        description="fraction of the noise after which it takes over from the base model",
    )
    paints: Literal["fresh", "every"] = Field(
        "fresh",
        description="fresh: only frames painted from noise, such as the first of a film; every: all of them",
    )


def refiner_by_name(value: Any) -> Any:
    """Expand the short form: `refiner: some/refiner` means `refiner: {base: some/refiner}`."""
    return {"base": value} if isinstance(value, str) else value


def refiner_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the refiner's name or folder."""
    refiner = scene.settings.model.refiner
    if refiner is None:
        return
    place = scene.file(BASE, refiner.base)
    if place.suffix in (".safetensors", ".ckpt", ".pt", ".bin"):
        yield scene.problem(
            BASE, "a refiner is a hub id or a diffusers folder; single files are not supported"
        )
    elif place.parent.is_dir() and place.parent != scene.folder and not place.is_dir():
        yield scene.problem(BASE, f"no such folder: {place}")


def refiner_notes(scene: Scene) -> Iterator[Problem]:
    """Yield a note if the film has LoRAs, which a refiner does not apply."""
    model = scene.settings.model
    if model.refiner is not None and model.loras:
        names = ", ".join(model.loras)
        says = f"the refiner does not apply the LoRAs ({names}) and may remove their subject; check a frame"
        yield scene.problem(("model", "refiner"), says)
