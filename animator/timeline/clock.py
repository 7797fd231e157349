"""Time in a film: its length, the frames that keys mean, and the names an expression may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text, suggest

Signals = dict[str, NDArray[np.generic]]  # name → one value per frame, or one for all

_TIME = re.compile(r"\s*(-?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9}))\s*(s|b|%|)\s*")
_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
_OFFSET = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*([+-])\s*(\d{1,9}(?:\.\d{0,9})?\s*[sb%]?)\s*")
END = "end"
AUDIO_SIGNALS = ("rms", "bass", "mid", "treble", "onset")  # signals of an audio track


@dataclass(frozen=True, slots=True)
class Clock:
    """Length of a film in frames, frames per second, the run's seed, beats per minute, and named events.

    `beats` are the times (seconds) of the beats detected in the audio track; `bpm`, if given, overrides them. In a
    `closed` film the first frame follows the last one.
    """

    frames: int
    fps: float = 24.0
    seed: int = 0
    bpm: float | None = None
    events: Mapping[str, int] = field(default_factory=dict)  # name → frame
    beats: tuple[float, ...] = ()
    closed: bool = False

    def frame(self, key: str) -> int:
        """Return the frame that a key means; it may lie outside the film. Raises CurveError.

        A key is `30`, `2s`, `4b`, `50%` (of the last frame), `end`, an event, or an offset from `end` or an event:
        `reveal+0.5s`, `end-12`.
        """
        if away := _OFFSET.fullmatch(key):
            frames = self.frame(away[3]) - (self.frame("0b") if "b" in away[3] else 0)
            return self.frame(away[1]) + (frames if away[2] == "+" else -frames)
        if key.strip() == END:
            return self.frames - 1
        if name := _NAME.fullmatch(key):
            if name[1] in self.events:
                return self.events[name[1]]
            if self.events:
                raise CurveError(f"no event {quote_text(key)}; {suggest(name[1], [*self.events, END])}", key)
        match = _TIME.fullmatch(key)
        if match is None:
            allowed = (
                "write a frame (30), seconds (2s), beats (4b), percent (50%), 'end', an event or e.g. end-1s"
            )
            raise CurveError(f"{quote_text(key)} is not a time; {allowed}", key)
        number = float(match[1])
        match match[2]:
            case "s":
                return round(number * self.fps)
            case "b":
                return self._beat_frame(number, key)
            case "%":
                return round(number / 100 * (self.frames - 1))
        if not number.is_integer():
            raise CurveError(
                f"{quote_text(key)} is not a frame; frames are whole numbers, or write {key.strip()}s", key
            )
        return int(number)

    def _beat_frame(self, number: float, key: str) -> int:
        if self.bpm is not None:
            return round(number * 60 / self.bpm * self.fps)
        if len(self.beats) < 2:
            raise CurveError(
                f"{quote_text(key)} is a time in beats, but there is no tempo; add e.g. bpm: 120", key
            )
        times = np.array(self.beats)
        # Beyond the ends the outermost interval repeats.
        whole = int(np.clip(np.floor(number), 0, len(times) - 2))
        return round(float(times[whole] + (number - whole) * (times[whole + 1] - times[whole])) * self.fps)

    def _beats_elapsed(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number of beats up to each time, with fractions; the first detected beat is number 0."""
        times = np.array(self.beats)
        whole = np.clip(np.searchsorted(times, seconds, side="right") - 1, 0, len(times) - 2)
        return np.asarray(whole + (seconds - times[whole]) / (times[whole + 1] - times[whole]), np.float64)

    def beat_frames(self) -> list[int]:
        """Return the frames of the film on which beats fall; an empty list without beats."""
        if self.bpm is None:
            found = [round(time * self.fps) for time in self.beats]
        else:
            found = [
                round(i * 60 / self.bpm * self.fps)
                for i in range(int(self._duration_minutes() * self.bpm) + 2)
            ]
        return [frame for frame in found if 0 <= frame < self.frames]

    def _duration_minutes(self) -> float:
        return self.frames / self.fps / 60

    def signals(self) -> Signals:
        """Return the names an expression may use, each as an array of one value per frame or of one value for all.

        `t` is int64, as in Deforum, so that `t%3` and `2^t` give the same values.
        """
        t = np.arange(self.frames, dtype=np.int64)
        last = max(1, self.frames - 1)
        beats = {}
        if self.bpm is not None:
            beats = {"bpm": np.array(self.bpm), "beat": t / self.fps * self.bpm / 60}
        elif len(self.beats) > 1:
            bpm = 60 / float(np.median(np.diff(self.beats)))
            beats = {"bpm": np.array(bpm), "beat": self._beats_elapsed(t / self.fps)}
        return {
            "t": t,
            "i": t,  # Deforum's loop variable: visible to its expressions by accident, and used by them
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


RESERVED_NAMES = frozenset({*Clock(1, bpm=1).signals(), "k", END, *AUDIO_SIGNALS})
