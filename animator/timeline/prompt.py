"""Prompt keyframes → text, next text and weight per frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from animator.errors import CurveError
from animator.frame import Prompt
from animator.timeline.clock import Clock

MAX_KEYS = 10_000


def texts(written: Any, clock: Clock) -> dict[int, str]:
    """Keyframes of text by frame, in order of time; the first one counts from frame 0. Raises CurveError."""
    if isinstance(written, str):
        return {0: written}
    if len(written) > MAX_KEYS:
        raise CurveError(f"{len(written):,} keys; at most {MAX_KEYS:,}")
    found: dict[int, str] = {}
    names: dict[int, str] = {}
    for key, text in written.items():
        frame = clock.frame(str(key))
        if frame in found:
            raise CurveError(f"{key} and {names[frame]} are both frame {frame}", str(key))
        if not 0 <= frame < clock.frames:
            raise CurveError(
                f"frame {frame} is outside the film; its frames are 0..{clock.frames - 1}", str(key)
            )
        found[frame], names[frame] = text, str(key)
    ordered = [found[frame] for frame in sorted(found)]
    return dict(zip([0, *sorted(found)[1:]], ordered, strict=True))


def held(keyframes: dict[int, str], frames: int) -> list[str]:
    """Each frame's text: that of the last key before it."""
    starts = np.array(list(keyframes))
    ordered = list(keyframes.values())
    return [ordered[i] for i in np.searchsorted(starts, np.arange(frames), side="right") - 1]


def prompts(
    keyframes: dict[int, str], negative: dict[int, str], common: str, travel: int, frames: int
) -> list[Prompt]:
    """One prompt per frame. A key's text is reached at its own frame, after blending over `travel` frames.

    The blend never starts before the key in front of it: every key owns at least its own frame.
    """
    full = {
        frame: ", ".join(part for part in (text.strip(), common.strip()) if part)
        for frame, text in keyframes.items()
    }
    result = [
        Prompt(text, no, text) for text, no in zip(held(full, frames), held(negative, frames), strict=True)
    ]
    starts = list(full)
    for before, key in pairwise(starts):
        first = max(before, key - travel)
        for frame in range(first + 1, key):
            weight = (frame - first) / (key - first)
            result[frame] = Prompt(full[before], result[frame].negative, full[key], weight)
    return result
