"""Audio features per frame (rms, bass, mid, treble, onset) and beat times."""

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
CONTEXT = 60.0  # seconds analysed for beats if the film is shorter


@dataclass(frozen=True)
class Heard:
    """Audio features by name, each (frames,) in 0..1, and the times of the beats in seconds of the film."""

    signals: dict[str, Floats]
    beats: Floats

    @property
    def bpm(self) -> float | None:
        """Beats per minute, from the median interval; None with fewer than two beats."""
        return 60.0 / float(np.median(np.diff(self.beats))) if len(self.beats) > 1 else None


def silence(frames: int) -> Heard:
    """Return the signals of silence: 0 on every frame, and no beats."""
    return Heard({name: np.zeros(frames) for name in NAMES}, np.zeros(0))


@lru_cache(maxsize=4)
def hear(sound: Sound, changed: int, fps: float, frames: int, attack: float, release: float) -> Heard:  # noqa: ARG001
    """Analyse a track: signals per frame, and beats.

    `changed`, the file's modification time in nanoseconds, only distinguishes cached versions of a file. `attack` and
    `release` are the seconds in which a signal rises by 63 % of a step, and falls by it. Raises CurveError if the file
    cannot be read.
    """
    samples = read(Sound(sound.file, sound.start, max(sound.seconds, CONTEXT)))
    raw = {"rms": loudness(samples, fps, frames), **bands(samples, fps, frames)}
    raw["onset"] = begun(envelope(samples), fps, frames)
    signals = {name: follow(normal(raw[name]), fps, attack, release) for name in NAMES}
    return Heard(signals, beats(samples))


def normal(values: Floats) -> Floats:
    """Divide `values` by the largest of them; all-zero values stay 0."""
    return values / max(float(values.max(initial=0.0)), 1e-6)


def loudness(samples: Samples, fps: float, frames: int) -> Floats:
    """Return the root mean square of each frame's samples, (frames,)."""
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    edges = np.minimum(np.rint(np.arange(frames + 1) * RATE / fps).astype(np.int64), len(samples))
    total = np.maximum(energy[edges[1:]] - energy[edges[:-1]], 0.0)
    return np.asarray(np.sqrt(total * fps / RATE), np.float64)


def bands(samples: Samples, fps: float, frames: int) -> dict[str, Floats]:
    """Return the loudness of each frequency band at the middle of each frame, {band: (frames,)}."""
    pitch = np.fft.rfftfreq(WINDOW, 1 / RATE)
    result = {name: np.zeros(frames) for name in BANDS}
    for first in range(0, frames, 2048):
        index = np.arange(first, min(first + 2048, frames))
        rows = spectra(samples, ((index + 0.5) * RATE / fps).astype(np.int64), WINDOW)
        for name, (low, high) in BANDS.items():
            result[name][index] = np.sqrt((rows[:, (pitch >= low) & (pitch < high)] ** 2).sum(1))
    return result


def begun(flux: NDArray[np.float32], fps: float, frames: int) -> Floats:
    """Return the onset strength of each frame, (frames,): the sum of the values of `flux` that lie in it."""
    frame = (np.arange(len(flux)) * HOP / RATE * fps + 1e-9).astype(np.int64)
    result = np.zeros(frames)
    inside = frame < frames
    np.add.at(result, frame[inside], flux[inside])
    return result


def follow(values: Floats, fps: float, attack: float, release: float) -> Floats:
    """Smooth `values` (frames,) with time constants in seconds: `attack` for rises, `release` for falls; 0 is none."""
    rise, fall = (
        1.0 if time <= 0 else 1.0 - float(np.exp(-1.0 / (fps * time))) for time in (attack, release)
    )
    result, level = np.empty_like(values), 0.0
    for i, value in enumerate(values):
        level += (value - level) * (rise if value > level else fall)
        result[i] = level
    return result
