"""A film's prompts as stretches of frames, each in a colour of its own, wherever they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

BANDS = ("#cfe3f5", "#f6dcc2", "#d5ecd0", "#ead6ee", "#f4edc0", "#f3d0d3")  # light: dark words stand on them


@dataclass(frozen=True, slots=True)
class Stretch:
    """A prompt as long as it lasts: the positions first..stop-1 of the film, and its colour, `#rrggbb`."""

    first: int
    stop: int
    text: str
    color: str
    blends: int  # the position from which on it blends into the next prompt; `stop` if it does not


def stretches(prompts: Sequence[tuple[str, float]]) -> list[Stretch]:
    """The stretches of a film of these prompts, (text, weight of the next one) per frame; a text has one colour."""
    colors: dict[str, str] = {}
    found = []
    for text, group in groupby(range(len(prompts)), key=lambda at: prompts[at][0]):
        at = list(group)
        color = colors.setdefault(text, BANDS[len(colors) % len(BANDS)])
        blends = next((i for i in at if prompts[i][1]), at[-1] + 1)
        found.append(Stretch(at[0], at[-1] + 1, text, color, blends))
    return found
