"""Detection of onsets and beats in audio samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animator.timeline.track import RATE, Samples

Floats = NDArray[np.float64]
HOP = 256  # samples between two values of an envelope: 11.6 ms, finer than a frame
WINDOW = 512
SLOW, FAST, USUAL = 40.0, 240.0, 120.0  # beats per minute


def spectra(samples: Samples, centers: NDArray[np.int64], window: int) -> NDArray[np.float32]:
    """Return magnitude spectra (len(centers), window // 2 + 1), float32, Hann-windowed around the samples `centers`.

    Samples outside the track are silence.
    """
    padded = np.pad(samples, (window // 2, window))
    rows = np.lib.stride_tricks.sliding_window_view(padded, window)[np.minimum(centers, len(samples))]
    return np.abs(np.fft.rfft(rows * np.hanning(window).astype(np.float32), axis=1)).astype(np.float32)


def envelope(samples: Samples) -> NDArray[np.float32]:
    """Return the onset strength every HOP samples, float32: the rise in loudness over all frequencies (spectral flux).

    The track is silent before the first sample, so a film that begins inside the music begins with an onset.
    """
    parts = []
    step = 4096  # rows at a time: an hour of music would not fit at once
    total = len(samples) // HOP + 1
    before = np.zeros((1, WINDOW // 2 + 1), np.float32)
    for first in range(0, total, step):
        rows = spectra(samples, np.arange(first, min(first + step, total)) * HOP, WINDOW)
        loud = np.log1p(100.0 * rows / WINDOW)
        parts.append(np.maximum(np.diff(np.concatenate([before, loud]), axis=0), 0).sum(1))
        before = loud[-1:]
    # A rise shows as a sound enters the second half of the window, which is one step early.
    return np.concatenate([[0.0], *parts])[:total].astype(np.float32)


def beats(samples: Samples) -> Floats:
    """Return the times of the beats in seconds, float64; an empty array without onsets."""
    flux = envelope(samples)
    # A flux of less than a hundredth of a click's is noise, not a beat.
    if len(flux) * HOP < RATE or flux.max() < 1.0:
        return np.zeros(0)
    return tracked(flux) * HOP / RATE


def period(flux: NDArray[np.float32]) -> float:
    """Return the beat period in steps of HOP samples, with fractions: the strongest autocorrelation of `flux`.

    Periods near 120 beats per minute are preferred.
    """
    # Smoothed: clicks that fall between two steps would match twice their period better than once.
    soft = np.convolve(flux, [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16], "same")
    steady = soft - soft.mean()
    size = 2 * len(steady)
    again = np.fft.irfft(np.abs(np.fft.rfft(steady, size)) ** 2)[: len(steady)]
    per_minute = 60 * RATE / HOP
    lags = np.arange(int(per_minute / FAST), min(int(per_minute / SLOW), len(steady) - 2) + 1)
    fit = again[lags] * np.exp(-0.5 * np.log2(lags * USUAL / per_minute) ** 2)
    best = int(fit.argmax())
    if 0 < best < len(lags) - 1:
        left, middle, right = fit[best - 1 : best + 2]
        return float(lags[best] + 0.5 * (left - right) / (left - 2 * middle + right))
    return float(lags[best])


def tracked(flux: NDArray[np.float32]) -> Floats:
    """Return the steps on which beats fall, float64: strong onsets about one period apart.

    Dynamic programming over all chains of beats, after D. Ellis, "Beat Tracking by Dynamic Programming" (2007).
    """
    every = period(flux)
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
