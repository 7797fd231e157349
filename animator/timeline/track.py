"""Audio samples of a file: anything ffmpeg can decode, mixed down to one channel."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.imaging.ffmpeg import program

RATE = 22_050  # samples per second: frequencies up to 11 kHz, enough for every band
Samples = NDArray[np.float32]  # (n,) in -1..1


@dataclass(frozen=True, slots=True)
class Sound:
    """The part of a track that a film plays: `seconds` long, from `start` seconds on; silent before 0.

    `fade_in` and `fade_out` are the seconds over which the volume rises and falls; the analysis ignores them.
    """

    file: Path
    start: float
    seconds: float
    fade_in: float = 0.0
    fade_out: float = 0.0


def stretch(sound: Sound) -> str:
    """Return the ffmpeg filter that cuts the clip out of the track, exact to the sample.

    Seeking in the file would be off by some frames where its index is an estimate, as in an MP3.
    """
    return (
        f"atrim=start={max(0.0, sound.start):.6f},asetpts=PTS-({sound.start:.6f})/TB"
        f",aresample=async=1:first_pts=0,atrim=duration={sound.seconds:.6f}"
    )


def read(sound: Sound) -> Samples:
    """Return the samples of a clip, float32 in -1..1, RATE per second; fewer if the track ends. Raises CurveError."""
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
        reason = re.sub(r"^\[.*?\] ", "", words)[:200] or "ffmpeg gave no reason"
        raise CurveError(f"{sound.file.name} cannot be read as sound: {reason}")
    samples = np.frombuffer(done.stdout, "<i2").astype(np.float32) / 32768
    if not len(samples):
        raise CurveError(f"{sound.file.name} has no sound after {sound.start:g} seconds")
    return np.asarray(samples, np.float32)
