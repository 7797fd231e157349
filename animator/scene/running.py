"""What kind of SDXL a checkpoint is, and how it runs: the part of `model` that names no checkpoint."""

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
NANO = {
    "steps": 12,
    "guidance_scale": 3.0,
}  # what the bundled model paints well with; SDXL wants more of both


def _both(value: Any) -> Any:
    """`tiling: true` is short for `tiling: both`."""
    return ("both" if value else "none") if isinstance(value, bool) else value


def _switch(value: Any) -> Any:
    """YAML 1.1 habits: `compile: on` may arrive as a truth value."""
    return ("on" if value else "off") if isinstance(value, bool) else value


class Running(Section):
    vae: str | None = Field(
        None,
        description="another VAE: a hub id, a folder or a .safetensors file; taesdxl (small and fast), fp16-fix",
    )
    few_steps: Literal["auto", "none", "turbo", "lightning", "lcm", "hyper", "dmd2", "nano"] = Field(
        "auto", description="sets sampler, schedule, steps and guidance for it, where `painting` does not"
    )
    prediction: Literal["auto", "epsilon", "v_prediction"] = Field(
        "auto", description="what the model was trained to predict; auto: what the checkpoint says"
    )
    tiling: Annotated[Literal["none", "x", "y", "both"], BeforeValidator(_both)] = Field(
        "none", description="paintings whose edges meet, for textures; both, or true"
    )
    memory: Literal["auto", "fast", "balanced", "low"] = Field(
        "auto", description="how much of the GPU's memory it takes: all at once, a network at a time, or less"
    )
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = Field(
        "auto",
        description="compile the UNet first: minutes, then faster frames; auto: on CUDA, for long films",
    )


def distilled(settings: Settings) -> tuple[Path, str, few_steps.Kind, int | None] | None:
    """The few-step model or LoRA of a film: where it was written, its name, its kind, its steps; else None."""
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
    """`settings` with what their model needs, where the file does not say otherwise."""
    found = distilled(settings)
    needed: Mapping[str, object] = NANO if settings.model.base == "nano" else {}
    if found is not None:
        needed = found[2].settings(found[3])
        if {"sampler", "schedule"} & settings.painting.model_fields_set:
            needed = {name: value for name, value in needed.items() if name not in ("sampler", "schedule")}
    missing = {name: needed[name] for name in needed if name not in settings.painting.model_fields_set}
    return settings.model_copy(update={"painting": settings.painting.model_copy(update=missing)})


def running_problems(scene: Scene) -> Iterable[Problem]:
    """What cannot run, as far as a file alone shows it."""
    model = scene.settings.model
    if model.base == "nano" and model.vae in SDXL_VAES:
        yield scene.problem(("model", "vae"), f"{model.vae} is SDXL's; nano's latents are its own")
    if model.vae is not None and model.vae.endswith((".pt", ".ckpt", ".bin", ".pth")):
        message = f"{quoted(model.vae)}: only .safetensors files are loaded; others can run code"
        yield scene.problem(("model", "vae"), message)
    if model.compile == "on" and model.memory in ("balanced", "low"):
        yield scene.problem(
            ("model", "compile"), f"on does not go with memory: {model.memory}; leave one out"
        )
    if model.tiling != "none" and any(side % 8 for side in scene.size):
        yield scene.problem(("model", "tiling"), "edges meet only in sizes that are multiples of 8")
