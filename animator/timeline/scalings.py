"""Advice on compiling the UNet: each new scale inside it has to be compiled again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animator.errors import Problem
from animator.frame import Frame
from animator.scene.scene import Scene


def scalings(frames: Sequence[Frame]) -> int:
    """Return the number of UNets to compile: distinct LoRA and IP-Adapter scales, FreeU, guidance on or off."""
    return len({repr(_scaling(frame)) for frame in frames if frame.diffuse})


def _scaling(frame: Frame) -> tuple[object, ...]:
    adapters = [likeness.scale for likeness in frame.ip_adapter.values()]
    guided = frame.painting.guidance_scale > 1  # guidance doubles the batch
    return dict(frame.loras), dict(frame.lora_blocks), adapters, frame.painting.freeu, guided


def compile_notes(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Yield a note if `model.compile` is on and the UNet would be compiled more than once."""
    count = scalings(frames)
    if scene.settings.model.compile == "on" and count > 1:
        what = "scales of LoRAs, IP-Adapters or FreeU, or guidance that comes and goes"
        message = f"the UNet is compiled {count} times, once for each of the film's {what}"
        yield scene.problem(("model", "compile"), message)
