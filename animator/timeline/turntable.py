"""Frames of a film that show the product from all sides: one turn, in views at even angles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.frame import Frame
from animator.timeline.cadence import pick_evenly

MAX_VIEWS = 72  # views of a turn: every five degrees

GAP = 1.5  # largest step of the camera that may be missing at the end of a whole turn

LEAST_ANGLE = 5.0  # degrees of an orbit by which views are chosen; below, they are chosen by time


class Turn(NamedTuple):
    """Views of a product in the order of the film; `is_full`: the first one follows the last one.

    `turns_left`: the product's front turns left from one view to the next, as in an orbit to the right.
    """

    frames: list[int]
    is_full: bool
    turns_left: bool


def film_turn(frames: Sequence[Frame], is_loop: bool) -> Turn:
    """Return at most MAX_VIEWS views of one turn, from the longest shot of `frames`.

    `orbit_y` tells where a turn of 360 degrees ends and which frames lie at even angles. Without a whole turn all
    frames of the shot are used, evenly; they count as a turn in a closed loop (`is_loop`).
    """
    longest = Counter(frame.shot for frame in frames).most_common(1)[0][0]
    shot = [frame for frame in frames if frame.shot == longest]
    steps = np.array([frame.motion.orbit_y for frame in shot])
    angles = np.cumsum(np.append(0.0, steps[1:]))
    turned = np.abs(angles)
    arrived = np.flatnonzero(turned >= 360 - 1e-6)
    if len(arrived):
        stop, is_full = int(arrived[0]), True
    else:
        is_near = 360 - turned[-1] <= GAP * float(np.abs(steps).max(initial=0.0))
        stop, is_full = len(shot), is_near or (is_loop and len(shot) == len(frames))
    chosen = _even_places(turned[:stop], is_full)
    return Turn([shot[at].index for at in chosen], is_full, angles[stop - 1] >= 0)


def _even_places(turned: NDArray[np.float64], is_full: bool) -> list[int]:
    """Return the places of at most MAX_VIEWS frames whose angles `turned` (degrees) are as even as they can be."""
    frames = len(turned)
    count = -(-frames // -(-frames // MAX_VIEWS))  # every n-th frame
    steady = bool((np.diff(turned) >= 0).all())
    if steady and turned.max(initial=0.0) >= LEAST_ANGLE:
        share = np.arange(count) / (count if is_full else max(1, count - 1))
        wanted = share * (360.0 if is_full and turned[-1] > 180 else turned[-1])
        return sorted({int(np.abs(turned - angle).argmin()) for angle in wanted})
    if is_full:
        return (np.arange(count) * frames // count).tolist()
    return pick_evenly(range(frames), count)
