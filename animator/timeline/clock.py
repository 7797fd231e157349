"""Clock: how long the film is, what its keys mean, and the names an expression may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, nearest, quoted

Signals = dict[str, NDArray[np.generic]]  # name → one value per frame, or one for all

_KEY = re.compile(r"\s*(-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*(s|b|%|)\s*")
_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
END = "end"


@dataclass(frozen=True, slots=True)
class Clock:
    """The film's length in frames, frames per second, the run's seed, beats per minute, and named moments."""

    frames: int
    fps: float = 24.0
    seed: int = 0
    bpm: float | None = None
    events: Mapping[str, int] = field(default_factory=dict)  # name → frame

    def frame(self, key: str) -> int:
        """The frame a key names: `30`, `2s`, `4b`, `50%` (of the last frame), `end` or an event. Raises CurveError."""
        if key.strip() == END:
            return self.frames - 1
        if name := _NAME.fullmatch(key):
            if name[1] in self.events:
                return self.events[name[1]]
            if self.events:
                raise CurveError(f"no event {quoted(key)}; {nearest(name[1], [*self.events, END])}", key)
        match = _KEY.fullmatch(key)
        if match is None:
            allowed = "write a frame (30), seconds (2s), beats (4b), percent (50%), 'end' or an event"
            raise CurveError(f"{quoted(key)} is not a time; {allowed}", key)
        number = float(match[1])
        match match[2]:
            case "s":
                return round(number * self.fps)
            case "b":
                return self._beat(number, key)
            case "%":
                return round(number / 100 * (self.frames - 1))
        if not number.is_integer():
            raise CurveError(
                f"{quoted(key)} is not a frame; frames are whole numbers, or write {key.strip()}s", key
            )
        return int(number)

    def _beat(self, number: float, key: str) -> int:
        if self.bpm is None:
            raise CurveError(f"{quoted(key)} is a beat; say how many there are in a minute: bpm: 120", key)
        return round(number * 60 / self.bpm * self.fps)

    def signals(self) -> Signals:
        """The names an expression may use. `t` is int64, as Deforum's, so that `t%3` and `2^t` mean the same."""
        t = np.arange(self.frames, dtype=np.int64)
        last = max(1, self.frames - 1)
        beats = {}
        if self.bpm is not None:
            beats = {"bpm": np.array(self.bpm), "beat": t / self.fps * self.bpm / 60}
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
            **beats,
            **{name: np.array(frame) for name, frame in self.events.items()},
        }


RESERVED = frozenset({*Clock(1, bpm=1).signals(), "k", END, "bass", "mid", "treble", "rms", "onset"})
