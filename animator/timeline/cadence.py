"""Which frames are painted, and how much of the painting to come shows in the others: decided beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.frame import Ahead, Frame

Flags = NDArray[np.bool_]


def by_shot(work: Callable[..., NDArray[Any]], starts: Flags, *columns: NDArray[Any]) -> NDArray[Any]:
    """What `work` makes of each shot's part of the columns; `starts` marks the frames with which shots begin."""
    cuts = np.flatnonzero(starts)[1:]
    parts = zip(*(np.split(column, cuts) for column in columns), strict=True)
    return np.concatenate([work(*part) for part in parts])


def painted(strength: NDArray[np.float64], cadence: int) -> Flags:
    """Every `cadence`-th frame and the last one, so that in-betweens lie between two paintings; see `painted_at`."""
    index = np.arange(len(strength))
    return painted_at(strength, (index % cadence == 0) | (index == len(index) - 1))


def evenly(count: int, cadence: int) -> Flags:
    """Every `cadence`-th frame or sooner, so that the way from the last one to the first is as long as any other."""
    paintings = -(-count // cadence)
    result: Flags = np.zeros(count, np.bool_)
    result[np.arange(paintings) * count // paintings] = True
    return result


def painted_at(strength: NDArray[np.float64], wanted: Flags) -> Flags:
    """The frames that are `wanted` and have something to paint.

    Strength 0 paints nothing: such frames only move. The first frame is always painted.
    """
    result: Flags = wanted & (strength > 0)
    result[0] = True
    return result


def tweens(diffuse: Flags, held: Flags) -> NDArray[np.float64]:
    """The weight of the painting to come in every frame: 1 where painted, 0 where the one before shows alone.

    `held` marks the frames of strength 0. The weight grows from a painted or held frame to the next painted
    one; in front of a held frame nothing is to come.
    """
    index, count = np.arange(len(diffuse)), len(diffuse)
    anchor = diffuse | held
    start = np.maximum.accumulate(np.where(anchor, index, 0))
    ahead = np.minimum.accumulate(np.where(anchor, index, count)[::-1])[::-1]
    coming = (ahead < count) & diffuse[np.minimum(ahead, count - 1)]
    weight = np.where(coming, (index - start) / np.maximum(1, ahead - start), 0.0)
    return np.where(diffuse, 1.0, weight)


def closed_tweens(diffuse: Flags, held: Flags) -> NDArray[np.float64]:
    """The same where the first painting comes after the last frame."""
    return tweens(np.append(diffuse, True), np.append(held, False))[:-1]


def cut(frames: Sequence[Frame], first: int, stop: int) -> list[Frame]:
    """The frames first..stop-1 as a film of its own: it starts with a painting, and ends with one if it can."""
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
            # A part does not end where the film began.
            ahead=frame.ahead if frame.ahead.frame < len(frames) else Ahead(),
        )
        for frame, paint, weight, shot in zip(part, diffuse, weights, shots, strict=True)
    ]
