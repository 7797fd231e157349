"""The prompts of a scene → one Prompt per frame, and the LoRA scales set by tags in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animator.frame import Prompt
from animator.scene.settings_models import declared
from animator.scene.styles import styles
from animator.timeline.dress import dressed
from animator.timeline.prompts import Texts, kept_out, prompts, spoken, tags, ways
from animator.timeline.reader import Reader


def told(
    reader: Reader, shot: NDArray[np.int64], closed: bool
) -> tuple[list[Prompt], dict[str, list[float]]]:
    """Return the prompt of each frame, and {LoRA: scale per frame} of all tags; `reader` collects the problems.

    `shot` is the first frame of each frame's shot; `closed` is True for a closed loop.
    """
    scene, clock, signals = reader.scene, reader.clock, reader.signals
    written, loras = scene.settings.prompts, declared(scene.document.data)
    nothing = spoken("", clock, signals)

    def read(name: str) -> tuple[Texts, Texts]:
        text = getattr(written, name)
        return reader.attempt(("prompts", name), lambda: spoken(text, clock, signals, loras), nothing)

    plain, common = read("at"), read("common")
    negative = reader.attempt(
        ("prompts", "negative"), lambda: kept_out(written.negative, clock, signals), nothing[0]
    )
    shelf = styles(scene)
    at = reader.attempt(
        ("prompts", "style"), lambda: dressed(plain, written.style, shelf, clock, signals), plain
    )
    travel = reader.attempt(("prompts", "travel"), lambda: reader.length(written.travel), 0)
    back = max(travel, round(clock.fps)) if closed else 0
    on_way = ways(list(at[0]), travel, shot, back)
    found = prompts(at, negative, common, on_way, len(shot), written.blend)
    return found, tags(at[0], common[0], on_way, len(shot))
