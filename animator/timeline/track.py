"""A track as samples: whatever ffmpeg can decode, mixed down to one channel."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.imaging.ffmpeg import program

RATE = 22_050  # samples per second: up to 11 kHz, more than any of our bands
Samples = NDArray[np.float32]  # (n,) in -1..1


@dataclass(frozen=True, slots=True)
class Sound:
    """The stretch of a track that a film plays: from `start` seconds on, for `seconds`; before 0 it is silent.

    `fade_in` and `fade_out` are the seconds in which it comes up and goes down; curves hear it without them.
    """

    file: Path
    start: float
    seconds: float
    fade_in: float = 0.0
    fade_out: float = 0.0


def stretch(sound: Sound) -> str:
    """The filter that cuts the stretch out of the whole track, to the sample.

    A seek in the file would be off by some frames where its index is an estimate, as an MP3's is.
    """
    return (
        f"atrim=start={max(0.0, sound.start):.6f},asetpts=PTS-({sound.start:.6f})/TB"
        f",aresample=async=1:first_pts=0,atrim=duration={sound.seconds:.6f}"
    )


def read(sound: Sound) -> Samples:
    """The samples of a stretch, RATE per second; shorter than asked for where the track ends. Raises CurveError."""
    command = [
        program(), "-hide_banner", "-loglevel", "error", "-nostdin",
        "-protocol_whitelist", "file",  # a playlist may not fetch anything
        "-i", f"file:{sound.file}", "-map", "0:a:0", "-af", stretch(sound),
        "-ac", "1", "-ar", str(RATE), "-f", "s16le", "pipe:1",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CurveError(f"{sound.file.name} cannot be read as sound: {error}") from error
    if done.returncode != 0:
        words = done.stderr.decode("utf8", "replace").strip().partition("\n")[0]
        reason = re.sub(r"^\[.*?\] ", "", words)[:200] or "ffmpeg said nothing"
        raise CurveError(f"{sound.file.name} cannot be read as sound: {reason}")
    samples = np.frombuffer(done.stdout, "<i2").astype(np.float32) / 32768
    if not len(samples):
        raise CurveError(f"{sound.file.name} has no sound after {sound.start:g} seconds")
    return np.asarray(samples, np.float32)
