"""Weights that guide paintings towards upcoming views, and a closed loop towards its first painted frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.frame import Ahead
from animator.timeline.clock import Clock


@dataclass(frozen=True, slots=True)
class Goal:
    """An image that the paintings before it are guided towards."""

    frame: int  # the frame that the image belongs to
    reached: int  # the painted frame that equals the image
    lead: int  # number of frames before `reached` that are guided


def led(goals: Sequence[Goal], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]) -> list[Ahead]:
    """Return for each frame the image its painting is guided towards, and the weight; `Ahead()` if none.

    A painting is guided to the next goal of its own shot. `diffuse` marks the painted frames (frames,); `shot` is the
    first frame of each frame's shot (frames,). The difference shrinks in even steps: of 4 paintings before a goal the
    first has weight 1/4, the next 1/3 of the rest, then 1/2, then 1, so that no step is larger than another.
    """
    result = [Ahead()] * len(diffuse)
    painted = np.flatnonzero(diffuse)
    for goal in sorted(goals, key=lambda goal: -goal.reached):  # a nearer goal overwrites a later one
        begun = max(goal.reached - max(goal.lead, 1), int(shot[goal.reached]) - 1)
        within = [int(at) for at in painted if begun < at <= goal.reached]
        before = int(max((at for at in painted if at <= begun), default=begun))
        for last, at in zip([max(before, begun), *within], within, strict=False):
            result[at] = Ahead(goal.frame, (at - last) / (goal.reached - last))
    return result


def viewed(views: dict[str, Any], clock: Clock) -> dict[int, str]:
    """Return the views as {frame: time as written}. Raises CurveError for a bad time."""
    found: dict[int, str] = {}
    for time in views:
        frame = clock.frame(time)
        if frame in found:
            raise CurveError(f"{time} and {found[frame]} are both frame {frame}", time)
        if not 0 <= frame < clock.frames:
            raise CurveError(f"frame {frame} is outside the film; its frames are 0..{clock.frames - 1}", time)
        found[frame] = time
    return found
