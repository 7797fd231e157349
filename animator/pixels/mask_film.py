"""A video as masks: its grey, one picture for each frame of the film."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np

from animator.frame import Mask
from animator.pixels.film import Film, pictures


def decode(film: Film, frames: int) -> list[bytes]:
    """At most `frames` pictures of the video's grey, each as a PNG. Raises ValueError.

    A second of masks at 1024x1024 is 24 MB plain and some kB packed.
    """
    greys = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in islice(pictures(film), frames))
    return [cv2.imencode(".png", grey)[1].tobytes() for grey in greys]


def unpack(packed: bytes) -> Mask:
    """One of the masks of `decode`."""
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
