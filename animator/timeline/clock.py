"""Clock: how long the film is, what its keys mean, and the names an expression may use."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quoted

Signals = dict[str, NDArray[np.generic]]  # name → one value per frame, or one for all

_KEY = re.compile(r"\s*(-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*(s|%|)\s*")


@dataclass(frozen=True, slots=True)
class Clock:
    """The film's length in frames, frames per second, and the run's seed."""

    frames: int
    fps: float = 24.0
    seed: int = 0

    def frame(self, key: str) -> int:
        """The frame a keyframe's key names: `30`, `2s`, `50%` (of the last frame) or `end`. Raises CurveError."""
        if key.strip() == "end":
            return self.frames - 1
        match = _KEY.fullmatch(key)
        if match is None:
            raise CurveError(
                f"{quoted(key)} is not a time; write a frame (30), seconds (2s), percent (50%) or 'end'", key
            )
        number = float(match[1])
        if match[2] == "s":
            return round(number * self.fps)
        if match[2] == "%":
            return round(number / 100 * (self.frames - 1))
        if not number.is_integer():
            raise CurveError(
                f"{quoted(key)} is not a frame; frames are whole numbers, or write {key.strip()}s", key
            )
        return int(number)

    def signals(self) -> Signals:
        """The names an expression may use. `t` is int64, as Deforum's, so that `t%3` and `2^t` mean the same."""
        t = np.arange(self.frames, dtype=np.int64)
        last = max(1, self.frames - 1)
        return {
            "t": t,
            "i": t,  # Deforum's loop variable, visible to its expressions by accident and used
            "sec": t / self.fps,
            "p": t / last,
            "fps": np.array(self.fps),
            "max_f": np.array(self.frames - 1),
            "s": np.array(self.seed),
            "pi": np.array(np.pi),
            "e": np.array(np.e),
        }
