"""Colour metrics of painted frames: drift from a reference, distance to the palette."""

from __future__ import annotations

from animator.frame import Frame, State
from animator.imaging.difference import drift
from animator.imaging.palette import Pull
from animator.render.stages import Goal


class Facts:
    """Colour metrics of a painted frame in CIE76 ΔE, as {"drift": …, "palette": …}; empty for other frames.

    `drift` is the distance to the reference `goal`, `palette` the mean distance to the palette's tints and shades.
    A metric without a reference or palette is left out.
    """

    def __init__(self, goal: Goal, pull: Pull | None = None) -> None:
        self.goal, self.pull = goal, pull

    def __call__(self, frame: Frame, state: State) -> dict[str, float]:
        image = state.shown
        if image is None or not frame.diffuse:
            return {}
        facts = {}
        goal = self.goal(image, state)
        if goal is not None:
            facts["drift"] = round(drift(image, goal), 2)
        if self.pull is not None:
            facts["palette"] = round(self.pull.distance(image), 2)
        return facts
