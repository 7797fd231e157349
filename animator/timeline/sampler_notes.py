"""Advice on sampling: settings that do not suit a few-step model, and settings without effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animator.errors import Problem
from animator.frame import Frame
from animator.models import families as few_steps
from animator.models import samplers
from animator.scene.running import distilled
from animator.scene.scene import Scene

_TRAILING = ("sgm_uniform", "simple")


def sampler_notes(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Yield advice on how the painted frames are sampled, each item with its place in the file."""
    found = distilled(scene.settings)
    if found is not None:
        yield from _few_steps(scene, frames, found[1], found[2])
    painted = [frame.painting for frame in frames if frame.diffuse]
    deaf = next((row for row in painted if row.eta and not samplers.find(row.sampler).eta), None)
    if deaf is not None:
        names = ", ".join(name for name in samplers.NAMES if samplers.find(name).eta)
        message = f"has no effect with {deaf.sampler}; samplers that use it: {names}"
        yield scene.problem(("painting", "eta"), message)
    guided = [row for row in frames if row.diffuse and any(item.scale for item in row.control.values())]
    if any(row.painting.guidance_rescale for row in guided):
        message = "has no effect on frames that a ControlNet guides"
        yield scene.problem(("painting", "guidance_rescale"), message)
    if scene.settings.model.tiling != "none" and scene.settings.motion.border != "wrap":
        message = "with motion, opposite edges keep meeting only with 'motion: {border: wrap}'"
        if any(frame.motion != type(frame.motion)() for frame in frames):
            yield scene.problem(("model", "tiling"), message)


def _few_steps(scene: Scene, frames: Sequence[Frame], name: str, kind: few_steps.Kind) -> Iterator[Problem]:
    """Yield one note per setting that contradicts the few-step model `name`."""
    suited = {samplers.find(sampler).scheduler for sampler in kind.samplers}
    what = f"{name} paints in few steps"
    told: dict[str, str] = {}
    for frame in frames:
        row = frame.painting
        if not frame.diffuse:
            continue
        if row.guidance_scale > kind.guidance:
            best = f"{kind.guidance:g} at most" if kind.guidance > 1 else "1"
            message = f"{row.guidance_scale:g}: {what}, without guidance; write {best}"
            told.setdefault("guidance_scale", message)
        if row.steps > few_steps.MOST * kind.steps:
            message = f"{row.steps}: {what}; more than {kind.steps} or so make it worse"
            told.setdefault("steps", message)
        if samplers.find(row.sampler).scheduler not in suited:
            told.setdefault("sampler", f"{row.sampler}: {what}; write {' or '.join(kind.samplers)}")
        spaced = samplers.schedule(row)
        trailing = kind.schedule in _TRAILING and spaced not in _TRAILING
        if trailing and samplers.find(row.sampler).scheduler == samplers.find(kind.samplers[0]).scheduler:
            told.setdefault("schedule", f"{spaced}: {what}; write {kind.schedule}")
    for setting, message in told.items():
        yield scene.problem(("painting", setting), message)
