"""How often a film changes what a compiled UNet is compiled for: a new scale in it is another program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animator.errors import Problem
from animator.frame import Frame
from animator.scene.scene import Scene


def scalings(frames: Sequence[Frame]) -> int:
    """How many UNets a film asks for, to a compiler: scales of LoRAs and IP-Adapters, FreeU, guidance or none."""
    return len({repr(_scaling(frame)) for frame in frames if frame.diffuse})


def _scaling(frame: Frame) -> tuple[object, ...]:
    adapters = [likeness.scale for likeness in frame.ip_adapter.values()]
    guided = frame.painting.guidance_scale > 1  # two calls in one: twice as large a batch
    return dict(frame.loras), dict(frame.lora_blocks), adapters, frame.painting.freeu, guided


def compile_notes(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """A film that would be compiled again and again."""
    count = scalings(frames)
    if scene.settings.model.compile == "on" and count > 1:
        what = "scales of LoRAs, IP-Adapters or FreeU, or guidance that comes and goes"
        message = f"the UNet is compiled {count} times, once for each of the film's {what}"
        yield scene.problem(("model", "compile"), message)
