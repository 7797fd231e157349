"""Prompt bands: the runs of frames that share a prompt, with a colour for each prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

BANDS = ("#cfe3f5", "#f6dcc2", "#d5ecd0", "#ead6ee", "#f4edc0", "#f3d0d3")  # light, for dark text on them


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of frames with one prompt: positions first..stop-1 in the film, and a colour `#rrggbb`."""

    first: int
    stop: int
    text: str
    color: str
    blends: int  # position where the blend into the next prompt starts; `stop` without one


def stretches(prompts: Sequence[tuple[str, float]]) -> list[Stretch]:
    """Return a film's bands, from (prompt text, weight of the next prompt) per frame; equal texts share a colour."""
    colors: dict[str, str] = {}
    found = []
    for text, group in groupby(range(len(prompts)), key=lambda at: prompts[at][0]):
        at = list(group)
        color = colors.setdefault(text, BANDS[len(colors) % len(BANDS)])
        blends = next((i for i in at if prompts[i][1]), at[-1] + 1)
        found.append(Stretch(at[0], at[-1] + 1, text, color, blends))
    return found
