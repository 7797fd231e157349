"""A video as masks: its grey, one picture for each frame of the film."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np

from animator.frame import Mask
from animator.imaging.io import Film, pictures


def decode(film: Film, frames: int) -> list[bytes]:
    """At most `frames` pictures of the video's grey, each as a PNG. Raises ValueError.

    A second of masks at 1024x1024 is 24 MB plain and some kB packed.
    """
    greys = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in islice(pictures(film), frames))
    return [pack(np.asarray(grey, np.uint8)) for grey in greys]


def pack(mask: Mask) -> bytes:
    """A mask as a PNG."""
    return cv2.imencode(".png", mask)[1].tobytes()


def unpack(packed: bytes) -> Mask:
    """A mask that was packed, to the bit."""
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
