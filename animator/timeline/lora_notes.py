"""Advice on LoRAs whose trigger words are in no prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animator.errors import ModelError, Problem
from animator.frame import Frame
from animator.models import lora_file
from animator.scene.scene import Scene

SHOWN = 5  # trigger words listed in one note


def unheard(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Yield a note for each LoRA whose trigger words are in no prompt of the `frames` on which its scale is not 0."""
    for name, lora in scene.settings.model.loras.items():
        texts = {frame.prompt.text for frame in frames if frame.loras[name]}
        if not texts:
            continue
        path = ("model", "loras", name, "file")
        try:
            words = lora_file.read(scene.file(path, lora.file)).words
        except ModelError:  # the file was readable when the scene was checked; it may have gone since
            continue
        if not words.heard(texts):
            listed = ", ".join(map(repr, words.triggers[:SHOWN]))
            yield scene.problem(path, f"no prompt has a trigger word of this LoRA; add one of: {listed}")
