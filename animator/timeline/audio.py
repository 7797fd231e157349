"""Audio of a scene: samples of its track, features per frame (rms, bass, mid, treble, onset), and beats.

ffmpeg decodes the track to one channel.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.imaging.video_codecs import ffmpeg_path
from animator.scene.scene import Scene

Floats = NDArray[np.float64]

FREQUENCY_BANDS = {"bass": (20.0, 250.0), "mid": (250.0, 4_000.0), "treble": (4_000.0, 11_000.0)}  # hertz

SIGNAL_NAMES = ("rms", *FREQUENCY_BANDS, "onset")

BAND_WINDOW = 1024  # samples, 46 ms: about a frame

MIN_BEAT_SECONDS = 60.0  # seconds analysed for beats if the film is shorter


@dataclass(frozen=True)
class AudioSignals:
    """Audio features by name, each (frames,) in 0..1, and the times of the beats in seconds of the film."""

    signals: dict[str, Floats]
    beats: Floats

    @property
    def bpm(self) -> float | None:
        """Beats per minute, from the median interval; None with fewer than two beats."""
        return 60.0 / float(np.median(np.diff(self.beats))) if len(self.beats) > 1 else None


def silent_signals(frames: int) -> AudioSignals:
    """Return the signals of silence: 0 on every frame, and no beats."""
    return AudioSignals({name: np.zeros(frames) for name in SIGNAL_NAMES}, np.zeros(0))


@lru_cache(maxsize=4)
def analyse(
    clip: AudioClip,
    modified_ns: int,  # noqa: ARG001
    fps: float,
    frames: int,
    attack: float,
    release: float,
) -> AudioSignals:
    """Analyse a track: signals per frame, and beats.

    `modified_ns`, the file's modification time in nanoseconds, only distinguishes cached versions of a file.
    `attack` and
    `release` are the seconds in which a signal rises by 63 % of a step, and falls by it. Raises CurveError if the file
    cannot be read.
    """
    samples = read_samples(AudioClip(clip.file, clip.start, max(clip.seconds, MIN_BEAT_SECONDS)))
    raw = {"rms": loudness(samples, fps, frames), **band_loudness(samples, fps, frames)}
    raw["onset"] = onset_strength(onset_envelope(samples), fps, frames)
    signals = {name: envelope_follower(normalize(raw[name]), fps, attack, release) for name in SIGNAL_NAMES}
    return AudioSignals(signals, detect_beats(samples))


def normalize(values: Floats) -> Floats:
    """Divide `values` by the largest of them; all-zero values stay 0."""
    return values / max(float(values.max(initial=0.0)), 1e-6)


def loudness(samples: Samples, fps: float, frames: int) -> Floats:
    """Return the root mean square of each frame's samples, (frames,)."""
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    edges = np.minimum(np.rint(np.arange(frames + 1) * SAMPLE_RATE / fps).astype(np.int64), len(samples))
    total = np.maximum(energy[edges[1:]] - energy[edges[:-1]], 0.0)
    return np.asarray(np.sqrt(total * fps / SAMPLE_RATE), np.float64)


def band_loudness(samples: Samples, fps: float, frames: int) -> dict[str, Floats]:
    """Return the loudness of each frequency band at the middle of each frame, {band: (frames,)}."""
    pitch = np.fft.rfftfreq(BAND_WINDOW, 1 / SAMPLE_RATE)
    result = {name: np.zeros(frames) for name in FREQUENCY_BANDS}
    for first in range(0, frames, 2048):
        index = np.arange(first, min(first + 2048, frames))
        rows = magnitude_spectra(samples, ((index + 0.5) * SAMPLE_RATE / fps).astype(np.int64), BAND_WINDOW)
        for name, (low, high) in FREQUENCY_BANDS.items():
            result[name][index] = np.sqrt((rows[:, (pitch >= low) & (pitch < high)] ** 2).sum(1))
    return result


def onset_strength(flux: NDArray[np.float32], fps: float, frames: int) -> Floats:
    """Return the onset strength of each frame, (frames,): the sum of the values of `flux` that lie in it."""
    frame = (np.arange(len(flux)) * HOP_LENGTH / SAMPLE_RATE * fps + 1e-9).astype(np.int64)
    result = np.zeros(frames)
    inside = frame < frames
    np.add.at(result, frame[inside], flux[inside])
    return result


def envelope_follower(values: Floats, fps: float, attack: float, release: float) -> Floats:
    """Smooth `values` (frames,) with time constants in seconds: `attack` for rises, `release` for falls; 0 is none."""
    rise, fall = (
        1.0 if time <= 0 else 1.0 - float(np.exp(-1.0 / (fps * time))) for time in (attack, release)
    )
    result, level = np.empty_like(values), 0.0
    for i, value in enumerate(values):
        level += (value - level) * (rise if value > level else fall)
        result[i] = level
    return result


SAMPLE_RATE = 22_050  # samples per second: frequencies up to 11 kHz, enough for every band

Samples = NDArray[np.float32]  # (n,) in -1..1


@dataclass(frozen=True, slots=True)
class AudioClip:
    """The part of a track that a film plays: `seconds` long, from `start` seconds on; silent before 0.

    `fade_in` and `fade_out` are the seconds over which the volume rises and falls; the analysis ignores them.
    """

    file: Path
    start: float
    seconds: float
    fade_in: float = 0.0
    fade_out: float = 0.0


def trim_filter(clip: AudioClip) -> str:
    """Return the ffmpeg filter that cuts the clip out of the track, exact to the sample.

    Seeking in the file would be off by some frames where its index is an estimate, as in an MP3.
    """
    return (
        f"atrim=start={max(0.0, clip.start):.6f},asetpts=PTS-({clip.start:.6f})/TB"
        f",aresample=async=1:first_pts=0,atrim=duration={clip.seconds:.6f}"
    )


def read_samples(clip: AudioClip) -> Samples:
    """Return the samples of a clip, float32 in -1..1, RATE per second; fewer if the track ends. Raises CurveError."""
    command = [
        ffmpeg_path(), "-hide_banner", "-loglevel", "error", "-nostdin",
        "-protocol_whitelist", "file",  # a playlist may not fetch anything
        "-i", f"file:{clip.file}", "-map", "0:a:0", "-af", trim_filter(clip),
        "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "s16le", "pipe:1",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CurveError(f"{clip.file.name} cannot be read as sound: {error}") from error
    if done.returncode != 0:
        words = done.stderr.decode("utf8", "replace").strip().partition("\n")[0]
        reason = re.sub(r"^\[.*?\] ", "", words)[:200] or "ffmpeg gave no reason"
        raise CurveError(f"{clip.file.name} cannot be read as sound: {reason}")
    samples = np.frombuffer(done.stdout, "<i2").astype(np.float32) / 32768
    if not len(samples):
        raise CurveError(f"{clip.file.name} has no sound after {clip.start:g} seconds")
    return np.asarray(samples, np.float32)


HOP_LENGTH = 256  # samples between two values of an envelope: 11.6 ms, finer than a frame

ONSET_WINDOW = 512

MIN_BPM, MAX_BPM, PREFERRED_BPM = 40.0, 240.0, 120.0  # beats per minute


def magnitude_spectra(samples: Samples, centers: NDArray[np.int64], window: int) -> NDArray[np.float32]:
    """Return magnitude spectra (len(centers), window // 2 + 1), float32, Hann-windowed around the samples `centers`.

    Samples outside the track are silence.
    """
    padded = np.pad(samples, (window // 2, window))
    rows = np.lib.stride_tricks.sliding_window_view(padded, window)[np.minimum(centers, len(samples))]
    return np.abs(np.fft.rfft(rows * np.hanning(window).astype(np.float32), axis=1)).astype(np.float32)


def onset_envelope(samples: Samples) -> NDArray[np.float32]:
    """Return the onset strength every HOP samples, float32: the rise in loudness over all frequencies (spectral flux).

    The track is silent before the first sample, so a film that begins inside the music begins with an onset.
    """
    parts = []
    step = 4096  # rows at a time: an hour of music would not fit at once
    total = len(samples) // HOP_LENGTH + 1
    before = np.zeros((1, ONSET_WINDOW // 2 + 1), np.float32)
    for first in range(0, total, step):
        rows = magnitude_spectra(
            samples, np.arange(first, min(first + step, total)) * HOP_LENGTH, ONSET_WINDOW
        )
        loud = np.log1p(100.0 * rows / ONSET_WINDOW)
        parts.append(np.maximum(np.diff(np.concatenate([before, loud]), axis=0), 0).sum(1))
        before = loud[-1:]
    # A rise shows as a sound enters the second half of the window, which is one step early.
    return np.concatenate([[0.0], *parts])[:total].astype(np.float32)


def detect_beats(samples: Samples) -> Floats:
    """Return the times of the beats in seconds, float64; an empty array without onsets."""
    flux = onset_envelope(samples)
    # A flux of less than a hundredth of a click's is noise, not a beat.
    if len(flux) * HOP_LENGTH < SAMPLE_RATE or flux.max() < 1.0:
        return np.zeros(0)
    return track_beats(flux) * HOP_LENGTH / SAMPLE_RATE


def beat_period(flux: NDArray[np.float32]) -> float:
    """Return the beat period in steps of HOP samples, with fractions: the strongest autocorrelation of `flux`.

    Periods near 120 beats per minute are preferred.
    """
    # Smoothed: clicks that fall between two steps would match twice their period better than once.
    soft = np.convolve(flux, [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16], "same")
    steady = soft - soft.mean()
    size = 2 * len(steady)
    again = np.fft.irfft(np.abs(np.fft.rfft(steady, size)) ** 2)[: len(steady)]
    per_minute = 60 * SAMPLE_RATE / HOP_LENGTH
    lags = np.arange(int(per_minute / MAX_BPM), min(int(per_minute / MIN_BPM), len(steady) - 2) + 1)
    fit = again[lags] * np.exp(-0.5 * np.log2(lags * PREFERRED_BPM / per_minute) ** 2)
    best = int(fit.argmax())
    if 0 < best < len(lags) - 1:
        left, middle, right = fit[best - 1 : best + 2]
        return float(lags[best] + 0.5 * (left - right) / (left - 2 * middle + right))
    return float(lags[best])


def track_beats(flux: NDArray[np.float32]) -> Floats:
    """Return the steps on which beats fall, float64: strong onsets about one period apart.

    Dynamic programming over all chains of beats, after D. Ellis, "Beat Tracking by Dynamic Programming" (2007).
    """
    every = beat_period(flux)
    strong = flux / max(float(flux.std()), 1e-9)
    reach = np.arange(-round(2 * every), -round(every / 2) + 1)
    cost = 100.0 * np.log(-reach / every) ** 2  # 100: Ellis's tightness
    score, parent = np.zeros(len(flux)), np.full(len(flux), -1)
    for i in range(len(flux)):
        usable = reach[i + reach >= 0]
        if len(usable):
            chain = score[i + usable] - cost[len(reach) - len(usable) :]
            best = int(chain.argmax())
            if chain[best] > 0:
                score[i], parent[i] = chain[best], i + usable[best]
        score[i] += strong[i]
    last = max(len(flux) - round(every), 0)
    at = last + int(score[last:].argmax())
    found = []
    while at >= 0:
        found.append(at)
        at = int(parent[at])
    # The chain may begin or end in silence: drop its weak ends.
    steps = np.array(found[::-1])
    loud = np.flatnonzero([strong[max(s - 2, 0) : s + 3].max() > 0.5 for s in steps])
    return steps[loud[0] : loud[-1] + 1].astype(np.float64) if len(loud) else np.zeros(0)


def scene_audio(scene: Scene) -> AudioClip | None:
    """Return the part of the audio track that the film plays; None without a track."""
    audio = scene.settings.audio
    if audio is None:
        return None
    file = scene.file(("audio", "file"), audio.file)
    seconds = scene.frames / scene.settings.video.fps
    return AudioClip(file, audio.start, seconds, audio.fade_in, audio.fade_out)


def scene_signals(scene: Scene) -> AudioSignals | None:
    """Return the signals and beats of the scene's track; None without a track.

    A missing file gives silence: reading the scene has reported it already. Raises CurveError for a file without
    sound.
    """
    audio, track = scene.settings.audio, scene_audio(scene)
    if audio is None or track is None:
        return None
    if not track.file.is_file():
        return silent_signals(scene.frames)
    changed = track.file.stat().st_mtime_ns
    return analyse(track, changed, scene.settings.video.fps, scene.frames, audio.attack, audio.release)
