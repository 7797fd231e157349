"""The film's prompts as subtitles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

_WEIGHTED_TEXT = re.compile(r"\(([^()]*?):\s*-?[\d.]+\s*\)")


def subtitles(prompts: Sequence[str], fps: float) -> str:
    """Return SubRip text: each prompt for as long as it lasts, without its prompt weights.

    `prompts`: one per image, in the order shown; "" for none.
    """
    cues: list[str] = []
    at = 0
    for text, group in groupby(map(plain_prompt, prompts)):
        first, at = at, at + len(list(group))
        if text:
            cues.append(f"{len(cues) + 1}\n{_timestamp(first / fps)} --> {_timestamp(at / fps)}\n{text}\n")
    return "\n".join(cues)


def plain_prompt(prompt: str) -> str:
    """Return a prompt in one line and without weights: `(red:1.2) mug` becomes `red mug`."""
    while (shorter := _WEIGHTED_TEXT.sub(r"\1", prompt)) != prompt:
        prompt = shorter
    return " ".join(prompt.split())


def _timestamp(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02},{milliseconds % 1000:03}"
