"""Models and LoRAs distilled to paint in few steps: how their names show it, and what they need set. Data alone.

What they need is what their authors' model cards say. All were distilled without guidance, which doubles the time of
a painting and burns its colours here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Kind:
    """A way of distilling, and the settings a model of its kind is painted with."""

    name: str
    samplers: tuple[str, ...]  # that suit it; the first is taken
    schedule: str
    steps: int  # of a full painting
    guidance: float = 1.0  # the most that still paints well

    def settings(self, steps: int | None = None) -> Mapping[str, object]:
        """What `painting` is given where the file says nothing; `steps` is what the model's own name says."""
        return {
            "sampler": self.samplers[0],
            "schedule": self.schedule,
            "steps": steps or self.steps,
            "guidance_scale": 1.0,
        }


KINDS = {
    kind.name: kind
    for kind in (
        Kind("turbo", ("Euler a", "Euler", "DPM++ SDE"), "sgm_uniform", 4),
        Kind("lightning", ("Euler", "DPM++ SDE"), "sgm_uniform", 4),
        Kind("lcm", ("LCM",), "automatic", 4, guidance=2.0),
        Kind("hyper", ("DDIM", "TCD", "Euler"), "sgm_uniform", 8),
        Kind("dmd2", ("LCM",), "automatic", 4),
        Kind("nano", ("Euler", "DDIM", "DPM++ 2M"), "automatic", 4),
    )
}
MOST = 2.5  # times the steps of a kind: with more the picture gets worse, not better
_WORDS = {"turbo": "turbo", "lightning": "lightning", "lcm": "lcm", "hyper": "hyper", "dmd2": "dmd2"}
_BEFORE, _AFTER = r"(?:^|[^a-z])", r"(?:[^a-z]|$|sd|lora)"


def recognised(name: str) -> tuple[Kind, int | None] | None:
    """The kind of few-step model a file or hub id is named after, and the steps its name gives; else None."""
    stem = PurePath(name.replace("\\", "/")).name
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", stem).lower()  # dreamXL_lightningV2
    if stem == "nano-few-steps":
        return KINDS["nano"], None
    for word, kind in _WORDS.items():
        if re.search(f"{_BEFORE}(?:sdxl)?{word}{_AFTER}", stem):
            steps = re.search(r"(\d{1,2})[ _-]?steps?", stem)
            return KINDS[kind], int(steps[1]) if steps and int(steps[1]) > 0 else None
    return None
