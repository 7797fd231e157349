"""A video as masks: its grey, one picture for each frame of the film."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import cv2
import numpy as np

from animator.ffmpeg import program
from animator.frame import Mask

_QUIET = ("-hide_banner", "-loglevel", "error", "-nostdin")
_INPUT = ("-protocol_whitelist", "file")  # a playlist may not fetch anything
SECONDS = 120  # that reading a head may take


def length(file: Path) -> float:
    """How long the video is, in seconds: its packets are counted, its pictures not decoded. Raises ValueError."""
    # One picture is decoded, so that what cannot be is found here.
    first = ["-map", "0:v:0", "-frames:v", "1", "-f", "null", "-"]
    packets = ["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    command = [program(), *_QUIET, *_INPUT, "-i", f"file:{file}"]
    _run([*command, *first])
    text = _run([*command, *packets]).decode("ascii", "replace")
    unit = re.search(r"^#tb 0: (\d+)/(\d+)", text, re.M)
    # Stream, time to decode it, time to show it, duration, size, checksum.
    shown = np.array([line.split(",")[2:4] for line in text.splitlines() if line[:1] == "0"], np.float64)
    if unit is None or not len(shown):
        raise ValueError("ffmpeg finds no picture in it")
    ticks = shown.sum(axis=1).max() - shown[:, 0].min()
    return float(ticks) * int(unit[1]) / int(unit[2])


def decode(file: Path, width: int, height: int, fps: float, frames: int) -> list[bytes]:
    """At most `frames` pictures of the video's grey at `fps`, each as a PNG; scaled to cover and cropped.

    A second of masks at 1024x1024 is 24 MB plain and some kB packed. Raises ValueError.
    """
    cover = f"fps={fps},scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height}"
    command = [
        program(), *_QUIET, *_INPUT, "-i", f"file:{file}", "-map", "0:v:0",
        # As colours: what a video calls grey may end at 235.
        "-vf", f"{cover},format=rgb24", "-frames:v", str(frames), "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    size, masks = width * height * 3, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        while len(data := process.stdout.read(size)) == size:
            image = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            packed = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[1]
            masks.append(packed.tobytes())
    if not masks:
        raise ValueError("ffmpeg finds no picture in it")
    return masks


def unpack(packed: bytes) -> Mask:
    """One of the masks of `decode`."""
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _run(command: list[str]) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(error) from error
    if done.returncode != 0:
        words = done.stderr.decode("utf8", "replace").strip().partition("\n")[0]
        raise ValueError(re.sub(r"^\[.*?\] ", "", words)[:200] or "ffmpeg said nothing")
    return done.stdout
