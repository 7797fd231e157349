"""LoRAs that may not do what was meant: none of the words they were trained on is in any prompt."""

from __future__ import annotations

from collections.abc import Iterator

from animator import lora_file
from animator.errors import ModelError, Problem
from animator.scene.loras import scale_and_blocks
from animator.scene.scene import Scene

SHOWN = 5  # trigger words in one remark


def unheard(scene: Scene) -> Iterator[Problem]:
    """Remarks on LoRAs whose trigger words no prompt has."""
    settings = scene.settings
    at, common = settings.prompts.at, settings.prompts.common
    texts = [common, *([at] if isinstance(at, str) else at.values())]
    for name, lora in settings.model.loras.items():
        if scale_and_blocks(settings.loras.get(name, 1))[0] == 0:
            continue
        path = ("model", "loras", name, "file")
        try:
            words = lora_file.read(scene.file(path, lora.file)).words
        except ModelError:  # a scene with remarks has no problems; a file may have gone since
            continue
        if not words.heard(texts):
            listed = ", ".join(map(repr, words.triggers[:SHOWN]))
            yield scene.problem(path, f"no prompt has a word that it was trained on; write one of: {listed}")
