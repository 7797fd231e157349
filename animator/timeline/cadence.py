"""Columns of the frame table about painting: painted frames, weights of in-betweens, seeds, weights of views.

Seed behaviors are fixed, iter, ladder, alternate and random: one seed per frame, advancing at painted frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.frame import Frame, ViewTarget
from animator.timeline.clock import Clock

Flags = NDArray[np.bool_]

Item = TypeVar("Item")


def pick_evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most `count` of `items`, evenly spread from the first to the last; one of them is the first."""
    return [items[int(at)] for at in np.linspace(0, len(items) - 1, min(count, len(items)))]


def apply_by_shot(work: Callable[..., NDArray[Any]], starts: Flags, *columns: NDArray[Any]) -> NDArray[Any]:
    """Apply `work` to each shot's part of `columns` and join the results; `starts` marks the first frame of a shot."""
    cuts = np.flatnonzero(starts)[1:]
    parts = zip(*(np.split(column, cuts) for column in columns), strict=True)
    return np.concatenate([work(*part) for part in parts])


def painted_by_cadence(strength: NDArray[np.float64], cadence: int) -> Flags:
    """Mark every `cadence`-th frame and the last one as painted (bool, (frames,)), except where strength is 0.

    The last frame is included so that every in-between lies between two painted frames; see `painted_at`.
    """
    index = np.arange(len(strength))
    return painted_at(strength, (index % cadence == 0) | (index == len(index) - 1))


def even_cadence(count: int, cadence: int) -> Flags:
    """Mark painted frames of a closed loop, evenly spaced by at most `cadence` (bool, (count,)).

    The distance from the last painted frame to the first one counts too.
    """
    paintings = -(-count // cadence)
    result: Flags = np.zeros(count, np.bool_)
    result[np.arange(paintings) * count // paintings] = True
    return result


def painted_at(strength: NDArray[np.float64], wanted: Flags) -> Flags:
    """Mark the frames that are `wanted` and have a strength above 0, and the first frame (bool, (frames,)).

    A frame of strength 0 is only warped.
    """
    result: Flags = wanted & (strength > 0)
    result[0] = True
    return result


def tween_weights(diffuse: Flags, held: Flags) -> NDArray[np.float64]:
    """Return the weight of the next painted frame in every frame: 1 where painted, 0 for the previous one alone.

    `held` marks the frames of strength 0. The weight grows linearly from a painted or held frame to the next painted
    one; frames before a held one have weight 0.
    """
    index, count = np.arange(len(diffuse)), len(diffuse)
    anchor = diffuse | held
    start = np.maximum.accumulate(np.where(anchor, index, 0))
    ahead = np.minimum.accumulate(np.where(anchor, index, count)[::-1])[::-1]
    coming = (ahead < count) & diffuse[np.minimum(ahead, count - 1)]
    weight = np.where(coming, (index - start) / np.maximum(1, ahead - start), 0.0)
    return np.where(diffuse, 1.0, weight)


def closed_tween_weights(diffuse: Flags, held: Flags) -> NDArray[np.float64]:
    """Return the `tween_weights` of a closed loop, whose last frame is followed by the first painted one."""
    return tween_weights(np.append(diffuse, True), np.append(held, False))[:-1]


def slice_film(frames: Sequence[Frame], first: int, stop: int) -> list[Frame]:
    """Return the frames first..stop-1 as a film of its own.

    It starts with a painted frame, and ends with one unless its last frame has strength 0.
    """
    part = list(frames[first:stop])
    if len(part) == len(frames):
        return part
    diffuse = np.array([frame.diffuse for frame in part])
    held = np.array([frame.painting.strength == 0 for frame in part])
    diffuse[-1] = not held[-1]
    diffuse[0] = True
    shots = [max(frame.shot, part[0].index) for frame in part]
    starts = np.array([frame.index == shot for frame, shot in zip(part, shots, strict=True)])
    weights = apply_by_shot(tween_weights, starts, diffuse, held)
    return [
        replace(
            frame,
            diffuse=bool(paint),
            tween=float(weight),
            shot=shot,
            # A part of a closed loop does not return to the first frame.
            ahead=frame.ahead if frame.ahead.frame < len(frames) else ViewTarget(),
        )
        for frame, paint, weight, shot in zip(part, diffuse, weights, shots, strict=True)
    ]


Seeds = NDArray[np.uint32]


MAX_SEED = 2**32 - 1


def _iterate(start: int, count: int, every: int) -> NDArray[np.int64]:
    return start + np.arange(count) // every


def _ladder(start: int, count: int, _: int) -> NDArray[np.int64]:
    """Return seeds that go two up, one down, as Deforum's: 100, 102, 101, 103, 102, 104 and so on."""
    n = np.arange(count)
    return start + (n + 1) // 2 + (n % 2)


def _alternate(start: int, count: int, _: int) -> NDArray[np.int64]:
    return start + np.arange(count) % 2


def _random(start: int, count: int, _: int) -> NDArray[np.int64]:
    """Return random seeds, drawn with `start` as the seed, so that a file always gives the same film."""
    return np.random.Generator(np.random.PCG64(start)).integers(0, MAX_SEED, count, endpoint=True)


_BEHAVIORS: dict[str, Callable[[int, int, int], NDArray[np.int64]]] = {
    "fixed": lambda start, count, _: np.full(count, start),
    "iter": _iterate,
    "ladder": _ladder,
    "alternate": _alternate,
    "random": _random,
}


def seed_column(behavior: str, start: int, diffuse: NDArray[np.bool_], every: int = 1) -> Seeds:
    """Return one seed per frame, uint32 (frames,), advancing at each frame painted by `diffuse`; wraps at 2**32."""
    nth = np.maximum(np.cumsum(diffuse) - 1, 0)
    values = _BEHAVIORS[behavior](start, int(nth[-1]) + 1, every)
    result: Seeds = (values[nth] % (MAX_SEED + 1)).astype(np.uint32)
    return result


@dataclass(frozen=True, slots=True)
class ViewGoal:
    """An image that the paintings before it are guided towards."""

    frame: int  # the frame that the image belongs to
    arrival: int  # the painted frame that equals the image
    lead: int  # number of frames before `reached` that are guided


def lead_weights(
    goals: Sequence[ViewGoal], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]
) -> list[ViewTarget]:
    """Return for each frame the image its painting is guided towards, and the weight; `Ahead()` if none.

    A painting is guided to the next goal of its own shot. `diffuse` marks the painted frames (frames,); `shot` is the
    first frame of each frame's shot (frames,). The difference shrinks in even steps: of 4 paintings before a goal the
    first has weight 1/4, the next 1/3 of the rest, then 1/2, then 1, so that no step is larger than another.
    """
    result = [ViewTarget()] * len(diffuse)
    painted = np.flatnonzero(diffuse)
    for goal in sorted(goals, key=lambda goal: -goal.arrival):  # a nearer goal overwrites a later one
        begun = max(goal.arrival - max(goal.lead, 1), int(shot[goal.arrival]) - 1)
        within = [int(at) for at in painted if begun < at <= goal.arrival]
        before = int(max((at for at in painted if at <= begun), default=begun))
        for last, at in zip([max(before, begun), *within], within, strict=False):
            result[at] = ViewTarget(goal.frame, (at - last) / (goal.arrival - last))
    return result


def view_frames(views: dict[str, Any], clock: Clock) -> dict[int, str]:
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
