"""Small real videos for tests, whose frames can be told apart by their content."""

import subprocess
from pathlib import Path

import cv2
import numpy as np

from animator.imaging.io import VideoSource, read_frames
from animator.imaging.video_codecs import ffmpeg_path


def write(file: Path, shown, fps=10.0, *options: str) -> Path:
    """Write the RGB images `shown`, all of one size, as a video: lossless unless `options` change that."""
    height, width = shown[0].shape[:2]
    command = [
        ffmpeg_path(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", str(fps), "-i", "pipe:0", *(options or ("-c:v", "libx264rgb", "-qp", "0")), str(file),
    ]  # fmt: skip
    subprocess.run(command, input=np.stack(shown).tobytes(), check=True, capture_output=True)
    return file


def greys(count: int, width=64, height=48):
    """Return plain grey images, each 2 levels brighter than the one before, from 10 on."""
    return [np.full((height, width, 3), 10 + 2 * i, np.uint8) for i in range(count)]


def texture(width: int, height: int, seed=5, margin=0):
    """Return an image with detail a few pixels wide everywhere, `margin` larger on each side."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (height + 2 * margin, width + 2 * margin, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(128 + 4.0 * (soft - soft.mean()), 0, 255).astype(np.uint8)


def read(file: Path, width: int, height: int, fps: float, count: int, start=0.0):
    """Return the first `count` frames of a video, as footage of a film reads them."""
    stream = read_frames(VideoSource(file, width, height, fps, start), hold=True)
    found = [next(stream) for _ in range(count)]
    stream.close()
    return found
