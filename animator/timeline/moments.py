"""Flags per frame, from a list of times or an expression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.timeline import curves as curve
from animator.timeline.clock import Clock, Signals

Flags = NDArray[np.bool_]


def moments(written: Sequence[str] | str, clock: Clock, signals: Signals) -> Flags:
    """Mark the frames of a list of times (`[0, 2s, 4b, 50%, end]`), or those where an expression is not 0.

    Times outside the film are ignored. Raises CurveError, whose key is the index in the list.
    """
    if isinstance(written, str):
        return np.asarray(curve.column(written, clock, signals) != 0)
    frames = np.array([_frame(written[at], str(at), clock) for at in range(len(written))])
    flags = np.zeros(clock.frames, np.bool_)
    flags[frames[(frames >= 0) & (frames < clock.frames)]] = True
    return flags


def _frame(time: str, place: str, clock: Clock) -> int:
    try:
        return clock.frame(time)
    except CurveError as error:
        raise CurveError(str(error), place) from error


def first_painted(flags: Flags, diffuse: Flags) -> Flags:
    """Mark the first painted frame at or after each frame that `flags` marks."""
    painted = np.flatnonzero(diffuse)
    following = np.searchsorted(painted, np.flatnonzero(flags))
    result: Flags = np.zeros(len(diffuse), np.bool_)
    result[painted[following[following < len(painted)]]] = True
    return result
