"""Choose the painted frames, and the weight of the next painted frame in each in-between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.frame import Ahead, Frame

Flags = NDArray[np.bool_]


def by_shot(work: Callable[..., NDArray[Any]], starts: Flags, *columns: NDArray[Any]) -> NDArray[Any]:
    """Apply `work` to each shot's part of `columns` and join the results; `starts` marks the first frame of a shot."""
    cuts = np.flatnonzero(starts)[1:]
    parts = zip(*(np.split(column, cuts) for column in columns), strict=True)
    return np.concatenate([work(*part) for part in parts])


def painted(strength: NDArray[np.float64], cadence: int) -> Flags:
    """Mark every `cadence`-th frame and the last one as painted (bool, (frames,)), except where strength is 0.

    The last frame is included so that every in-between lies between two painted frames; see `painted_at`.
    """
    index = np.arange(len(strength))
    return painted_at(strength, (index % cadence == 0) | (index == len(index) - 1))


def evenly(count: int, cadence: int) -> Flags:
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


def tweens(diffuse: Flags, held: Flags) -> NDArray[np.float64]:
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


def closed_tweens(diffuse: Flags, held: Flags) -> NDArray[np.float64]:
    """Return the weights of `tweens` for a closed loop, whose last frame is followed by the first painted one."""
    return tweens(np.append(diffuse, True), np.append(held, False))[:-1]


def cut(frames: Sequence[Frame], first: int, stop: int) -> list[Frame]:
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
    weights = by_shot(tweens, starts, diffuse, held)
    return [
        replace(
            frame,
            diffuse=bool(paint),
            tween=float(weight),
            shot=shot,
            # A part of a closed loop does not return to the first frame.
            ahead=frame.ahead if frame.ahead.frame < len(frames) else Ahead(),
        )
        for frame, paint, weight, shot in zip(part, diffuse, weights, shots, strict=True)
    ]
