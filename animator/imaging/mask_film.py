"""Read a video as masks: the grey of its image at each frame of the film."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np

from animator.frame import Mask
from animator.imaging.io import Film, pictures


def decode(film: Film, frames: int) -> list[bytes]:
    """Return the grey of at most `frames` images of a video, each compressed as PNG. Raises ValueError.

    A second of masks at 1024x1024 takes 24 MB as arrays and some kB as PNG.
    """
    greys = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in islice(pictures(film), frames))
    return [pack(np.asarray(grey, np.uint8)) for grey in greys]


def pack(mask: Mask) -> bytes:
    """Return a mask compressed as PNG."""
    return cv2.imencode(".png", mask)[1].tobytes()


def unpack(packed: bytes) -> Mask:
    """Return the mask of a PNG made by `pack`, exactly."""
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
