"""A few of a picture's pixels that stand for all of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

ENOUGH = 65_536  # pixels: the mean of as many lies within a third of a grey level of the whole picture's


def sample(image: Image) -> Image:
    """One pixel from each square block of `image`, (about ENOUGH, 3); all of them if there are no more.

    The place inside the block is drawn once and for all: a regular grid would see only every 4th line of a
    picture of stripes, and another draw for every frame would make colours flicker.
    """
    return np.asarray(image).reshape(-1, 3).take(places(*image.shape[:2]), axis=0)


@lru_cache(maxsize=8)
def places(height: int, width: int) -> NDArray[np.intp]:
    """Which pixels of a picture those are, counted along its rows."""
    block = max(1, int(np.sqrt(height * width / ENOUGH)))
    random = np.random.Generator(np.random.PCG64(0))
    rows, columns = np.arange(0, height - block + 1, block), np.arange(0, width - block + 1, block)
    shape = (len(rows), len(columns))
    down = rows[:, None] + random.integers(0, block, shape)
    right = columns[None, :] + random.integers(0, block, shape)
    return np.asarray(down * width + right, np.intp).ravel()
