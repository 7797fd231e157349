"""Runtime settings of `model`: VAE, few-step kind, tiling, memory, compilation; and defaults that fit the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from animator.errors import Path, Problem, quoted
from animator.models import families as few_steps
from animator.scene.fields import Section

if TYPE_CHECKING:
    from animator.scene.scene import Scene
    from animator.scene.settings import Settings

SDXL_VAES = ("taesdxl", "fp16-fix")
# Settings that suit the bundled model; SDXL needs more steps and guidance.
NANO = {
    "steps": 12,
    "guidance_scale": 3.0,
}


def _both(value: Any) -> Any:
    """Expand the short form: `tiling: true` means `tiling: both`."""
    return ("both" if value else "none") if isinstance(value, bool) else value


def _switch(value: Any) -> Any:
    """Accept true and false for on and off, which YAML 1.1 writers use: `compile: on`."""
    return ("on" if value else "off") if isinstance(value, bool) else value


class Running(Section):
    """Settings of how the model runs."""

    vae: str | None = Field(
        None,
        description="another VAE: taesdxl (small and fast), fp16-fix, a hub id, a folder or a .safetensors file",
    )
    few_steps: Literal["auto", "none", "turbo", "lightning", "lcm", "hyper", "dmd2", "nano"] = Field(
        "auto",
        description="few-step kind of the model: gives sampler, schedule, steps and guidance their defaults",
    )
    prediction: Literal["auto", "epsilon", "v_prediction"] = Field(
        "auto", description="quantity that the model predicts; auto: as the checkpoint declares"
    )
    tiling: Annotated[Literal["none", "x", "y", "both"], BeforeValidator(_both)] = Field(
        "none", description="axes along which opposite edges meet, for seamless textures; both, or true"
    )
    memory: Literal["auto", "fast", "balanced", "low"] = Field(
        "auto", description="GPU memory use: all networks at once, one network at a time, or less"
    )
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = Field(
        "auto",
        description="compile the UNet first: minutes, then faster frames; auto: on CUDA, for long films",
    )


def distilled(settings: Settings) -> tuple[Path, str, few_steps.Kind, int | None] | None:
    """Return path, name, kind and steps of the few-step model or LoRA of a film; None if it has none."""
    model = settings.model
    if model.few_steps == "none":
        return None
    if model.few_steps != "auto":
        return ("model", "few_steps"), model.few_steps, few_steps.KINDS[model.few_steps], None
    named: dict[Path, str] = {("model", "base"): model.base}
    for name, lora in model.loras.items():
        if settings.loras.get(name) != 0:
            named["model", "loras", name, "file"] = lora.file
    for path, name in named.items():
        found = few_steps.recognised(name)
        if found is not None:
            return path, name, *found
    return None


def fitted(settings: Settings) -> Settings:
    """Return `settings` with the painting defaults that suit their model, where the file gives none."""
    found = distilled(settings)
    needed: Mapping[str, object] = NANO if settings.model.base == "nano" else {}
    if found is not None:
        needed = found[2].settings(found[3])
        if {"sampler", "schedule"} & settings.painting.model_fields_set:
            needed = {name: value for name, value in needed.items() if name not in ("sampler", "schedule")}
    missing = {name: needed[name] for name in needed if name not in settings.painting.model_fields_set}
    return settings.model_copy(update={"painting": settings.painting.model_copy(update=missing)})


def running_problems(scene: Scene) -> Iterable[Problem]:
    """Yield problems of the runtime settings that the schedule file alone shows."""
    model = scene.settings.model
    if model.base == "nano" and model.vae in SDXL_VAES:
        yield scene.problem(("model", "vae"), f"{model.vae} is a VAE for SDXL; it does not fit nano")
    if model.vae is not None and model.vae.endswith((".pt", ".ckpt", ".bin", ".pth")):
        message = f"{quoted(model.vae)}: only .safetensors files are loaded; others can run code"
        yield scene.problem(("model", "vae"), message)
    if model.compile == "on" and model.memory in ("balanced", "low"):
        yield scene.problem(
            ("model", "compile"), f"'on' cannot be combined with memory: {model.memory}; leave one out"
        )
    if model.tiling != "none" and any(side % 8 for side in scene.size):
        yield scene.problem(("model", "tiling"), "width and height must be multiples of 8 for tiling")
