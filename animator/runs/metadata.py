"""Texts stored in a frame's PNG: A1111's "parameters", which image viewers read, and our own JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from animator.frame import Frame
from animator.models import samplers

VERSION = "animator 0.1"
RECIPE = "animator"  # PNG keyword of our JSON; A1111's keyword is "parameters"
FILM = "animator-film"  # PNG keyword of the film's resolved.yaml


def infotext(frame: Frame, width: int, height: int, model: str) -> str:
    """Return A1111's "parameters" text: prompt, negative prompt, then one line of `Name: value` pairs."""
    painting = frame.painting
    pairs: dict[str, Any] = {
        "Steps": painting.steps,
        "Sampler": painting.sampler,
        **({} if painting.schedule == samplers.AUTOMATIC else {"Schedule type": painting.schedule}),
        "CFG scale": f"{painting.guidance_scale:g}",
        "Seed": frame.seed,
        **_variation(frame),
        "Size": f"{width}x{height}",
        "Model": json.dumps(model)
        if set(model) & set(',:"')
        else model,  # A1111 quotes a value that contains a separator
        "Denoising strength": f"{painting.strength:g}",
        "Version": VERSION,
    }
    last = ", ".join(f"{name}: {value}" for name, value in pairs.items())
    negative = [f"Negative prompt: {frame.prompt.negative}"] if frame.prompt.negative else []
    return "\n".join([frame.prompt.text, *negative, last])


def _variation(frame: Frame) -> dict[str, Any]:
    if not frame.subseed_strength:
        return {}
    return {"Variation seed": frame.subseed, "Variation seed strength": f"{frame.subseed_strength:g}"}


def row(frame: Frame, fresh: bool) -> dict[str, Any]:
    """Return the settings of `frame` as nested plain data, with the steps and the strength that really run.

    `fresh`: the frame is painted from noise alone, so all its steps run.
    """
    painted = frame.diffuse and (fresh or frame.painting.strength > 0)
    steps = (frame.painting.steps if fresh else samplers.steps_run(frame.painting)) if painted else 0
    level = (1.0 if fresh else frame.painting.strength) if painted else 0.0
    return {**asdict(frame), "steps_run": steps, "strength_run": level}


def flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested data into columns: {"motion": {"zoom": 1}} becomes {"motion.zoom": 1}."""
    columns: dict[str, Any] = {}
    for name, value in data.items():
        columns |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return columns
