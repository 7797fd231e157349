"""Split a timeline into shots, which can be painted independently of each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from animator.frame import Frame


def shots(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Return `frames` grouped by shot; each starts anew, so that shots can be painted separately or in sequence."""
    return [list(shot) for _, shot in groupby(frames, key=lambda frame: frame.shot)]


def begins(frame: Frame) -> bool:
    """Return True if a shot begins with `frame`."""
    return frame.index == frame.shot
