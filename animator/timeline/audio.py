"""What a film hears of a track: one value per frame for each signal, and the beats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from animator.timeline.beats import HOP, beats, envelope, spectra
from animator.timeline.track import RATE, Samples, Sound, read

Floats = NDArray[np.float64]
BANDS = {"bass": (20.0, 250.0), "mid": (250.0, 4_000.0), "treble": (4_000.0, 11_000.0)}  # hertz
NAMES = ("rms", *BANDS, "onset")
WINDOW = 1024  # samples, 46 ms: about a frame
CONTEXT = 60.0  # seconds that are listened to for beats, if the film is shorter


@dataclass(frozen=True)
class Heard:
    """Signals by name, each (frames,) in 0..1, and the beats' times in seconds of the film."""

    signals: dict[str, Floats]
    beats: Floats

    @property
    def bpm(self) -> float | None:
        """Beats per minute: from the median interval; None where there are not two beats."""
        return 60.0 / float(np.median(np.diff(self.beats))) if len(self.beats) > 1 else None


def silence(frames: int) -> Heard:
    """What is heard when nothing sounds."""
    return Heard({name: np.zeros(frames) for name in NAMES}, np.zeros(0))


@lru_cache(maxsize=4)
def hear(sound: Sound, changed: int, fps: float, frames: int, attack: float, release: float) -> Heard:  # noqa: ARG001
    """Listen to a track. `changed` (the file's time stamp) tells one version of it from the next.

    `attack` and `release` are the seconds in which a signal rises to 63 % of a step, and falls. Raises CurveError.
    """
    samples = read(Sound(sound.file, sound.start, max(sound.seconds, CONTEXT)))
    raw = {"rms": loudness(samples, fps, frames), **bands(samples, fps, frames)}
    raw["onset"] = begun(envelope(samples), fps, frames)
    signals = {name: follow(normal(raw[name]), fps, attack, release) for name in NAMES}
    return Heard(signals, beats(samples))


def normal(values: Floats) -> Floats:
    """The values over the largest of them."""
    return values / max(float(values.max(initial=0.0)), 1e-6)


def loudness(samples: Samples, fps: float, frames: int) -> Floats:
    """The root mean square of each frame's samples."""
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    edges = np.minimum(np.rint(np.arange(frames + 1) * RATE / fps).astype(np.int64), len(samples))
    total = np.maximum(energy[edges[1:]] - energy[edges[:-1]], 0.0)
    return np.asarray(np.sqrt(total * fps / RATE), np.float64)


def bands(samples: Samples, fps: float, frames: int) -> dict[str, Floats]:
    """The loudness of each band in the middle of each frame."""
    pitch = np.fft.rfftfreq(WINDOW, 1 / RATE)
    result = {name: np.zeros(frames) for name in BANDS}
    for first in range(0, frames, 2048):
        index = np.arange(first, min(first + 2048, frames))
        rows = spectra(samples, ((index + 0.5) * RATE / fps).astype(np.int64), WINDOW)
        for name, (low, high) in BANDS.items():
            result[name][index] = np.sqrt((rows[:, (pitch >= low) & (pitch < high)] ** 2).sum(1))
    return result


def begun(flux: NDArray[np.float32], fps: float, frames: int) -> Floats:
    """How much begins to sound within each frame: the sum of an envelope there."""
    frame = (np.arange(len(flux)) * HOP / RATE * fps + 1e-9).astype(np.int64)
    result = np.zeros(frames)
    inside = frame < frames
    np.add.at(result, frame[inside], flux[inside])
    return result


def follow(values: Floats, fps: float, attack: float, release: float) -> Floats:
    """The values, rising and falling no faster than asked for."""
    rise, fall = (
        1.0 if time <= 0 else 1.0 - float(np.exp(-1.0 / (fps * time))) for time in (attack, release)
    )
    result, level = np.empty_like(values), 0.0
    for i, value in enumerate(values):
        level += (value - level) * (rise if value > level else fall)
        result[i] = level
    return result
