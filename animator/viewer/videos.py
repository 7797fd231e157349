"""Videos small enough to be embedded in a notebook."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from animator.runs.render import back, heard, part
from animator.runs.run import Run
from animator.runs.video import Format, Video
from animator.scene.scene import Scene
from animator.viewer.preview import draft, record

MOST = 4_000_000  # bytes: maximum size of an embedded video
# Longer side in pixels and x264's CRF, tried in this order; the last takes 20 kB per second.
SIZES = ((448, 24), (320, 30), (224, 36), (128, 45))


def rehearsed(scene: Scene, most: int = MOST) -> bytes:
    """Return the preview as an MP4 of at most `most` bytes, else the smallest version. Raises AnimatorError."""

    def write(file: Path, side: int, crf: int) -> None:
        for _ in record(scene, file, side, overlay=False, crf=crf):
            pass

    return next(_fitting(write, most))


def within(run: Run, scene: Scene, most: int = MOST) -> bytes:
    """Return a run's video, or a smaller H.264 one where it exceeds `most` bytes or has another codec.

    Raises AnimatorError.
    """
    if run.video.stat().st_size <= most and scene.settings.output.codec == "h264":  # plays in every browser
        return run.video.read_bytes()
    frames = part(scene, (run.first, run.stop))
    order = [frame.index for frame in [*frames, *back(scene, frames)]]

    def write(file: Path, side: int, crf: int) -> None:
        size = draft(scene, side).size
        video = Format(*size, scene.settings.video.fps, crf, heard(scene, frames), quality="draft")
        with Video(file, video) as sink:
            for index in order:
                sink.write(cv2.resize(run.picture(index), size, interpolation=cv2.INTER_AREA).astype("uint8"))

    return next(_fitting(write, most))


def _fitting(write: Callable[[Path, int, int], None], most: int) -> Iterator[bytes]:
    """Yield the files that `write` makes at those of SIZES that fit in `most` bytes; the last one in any case."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        file = Path(room, "video.mp4")
        for size in SIZES:
            write(file, *size)
            if file.stat().st_size <= most or size == SIZES[-1]:
                yield file.read_bytes()
