"""Synthetic tracks with known beats, as 16-bit WAV files."""

import wave

import numpy as np

RATE = 44_100


def write(path, samples, rate=RATE):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def tone(frequency, seconds, level=0.5):
    return level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)


def clicks(bpm, seconds, first=0.0, level=0.8):
    """Return samples of a short bright click on every beat over faint noise, and the beats' times in seconds."""
    samples = 0.002 * np.random.default_rng(0).standard_normal(int(seconds * RATE))
    times = np.arange(first, seconds - 0.05, 60 / bpm)
    click = tone(1_800, 0.02, level) * np.exp(-np.arange(int(0.02 * RATE)) / (0.004 * RATE))
    for time in times:
        at = round(time * RATE)
        samples[at : at + len(click)] += click
    return samples, times
