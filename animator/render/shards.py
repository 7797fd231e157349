"""Where a timeline may be cut: stretches of frames that need nothing of each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from animator.frame import Frame


def shots(frames: Iterable[Frame]) -> list[list[Frame]]:
    """`frames` in their shots: each begins from nothing, so that they may be painted apart or one after the other."""
    return [list(shot) for _, shot in groupby(frames, key=lambda frame: frame.shot)]


def begins(frame: Frame) -> bool:
    """Whether a shot begins with `frame`."""
    return frame.index == frame.shot
