"""LoRAs that may not do what was meant: none of the words they were trained on is in any prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from animator.errors import ModelError, Problem
from animator.frame import Frame
from animator.models import lora_file
from animator.scene.scene import Scene

SHOWN = 5  # trigger words in one remark


def unheard(scene: Scene, frames: Sequence[Frame]) -> Iterator[Problem]:
    """Remarks on LoRAs whose trigger words no prompt has, of the film's `frames` on which they count."""
    for name, lora in scene.settings.model.loras.items():
        texts = {frame.prompt.text for frame in frames if frame.loras[name]}
        if not texts:
            continue
        path = ("model", "loras", name, "file")
        try:
            words = lora_file.read(scene.file(path, lora.file)).words
        except ModelError:  # a scene with remarks has no problems; a file may have gone since
            continue
        if not words.heard(texts):
            listed = ", ".join(map(repr, words.triggers[:SHOWN]))
            yield scene.problem(path, f"no prompt has a word that it was trained on; write one of: {listed}")
