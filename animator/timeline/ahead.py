"""Where a film is led: to views, and in a closed loop back to its first painting."""

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
    """A picture that a film is led to."""

    frame: int  # on which it stands
    reached: int  # the painting in which nothing else is left
    lead: int  # frames before it in which paintings are led to it


def led(goals: Sequence[Goal], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]) -> list[Ahead]:
    """The picture each painting is led to: the next one of its shot.

    What is still different goes in even steps: of 4 paintings in reach the first goes a quarter of the way, the
    next a third of what is left, then a half, then all of it. So no step is larger than another.
    """
    result = [Ahead()] * len(diffuse)
    painted = np.flatnonzero(diffuse)
    for goal in sorted(goals, key=lambda goal: -goal.reached):  # nearer ones overwrite those behind them
        begun = max(goal.reached - max(goal.lead, 1), int(shot[goal.reached]) - 1)
        within = [int(at) for at in painted if begun < at <= goal.reached]
        before = int(max((at for at in painted if at <= begun), default=begun))
        for last, at in zip([max(before, begun), *within], within, strict=False):
            result[at] = Ahead(goal.frame, (at - last) / (goal.reached - last))
    return result


def viewed(views: dict[str, Any], clock: Clock) -> dict[int, str]:
    """The time of each view as it was written, by frame. Raises CurveError."""
    found: dict[int, str] = {}
    for time in views:
        frame = clock.frame(time)
        if frame in found:
            raise CurveError(f"{time} and {found[frame]} are both frame {frame}", time)
        if not 0 <= frame < clock.frames:
            raise CurveError(f"frame {frame} is outside the film; its frames are 0..{clock.frames - 1}", time)
        found[frame] = time
    return found
