"""Subsample an image's pixels for its colour statistics."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

ENOUGH = 65_536  # pixels: their mean lies within a third of a grey level of the whole image's


def sample(image: Image) -> Image:
    """Return one pixel from each square block of `image`, (about 65,536, 3); all pixels if there are fewer.

    The position inside each block is random but fixed: a regular grid would see only every 4th line of a striped
    image, and new positions for every frame would make colours flicker.
    """
    return np.asarray(image).reshape(-1, 3).take(places(*image.shape[:2]), axis=0)


@lru_cache(maxsize=8)
def places(height: int, width: int) -> NDArray[np.intp]:
    """Return the indices of the sampled pixels, counted along the image's rows."""
    block = max(1, int(np.sqrt(height * width / ENOUGH)))
    random = np.random.Generator(np.random.PCG64(0))
    rows, columns = np.arange(0, height - block + 1, block), np.arange(0, width - block + 1, block)
    shape = (len(rows), len(columns))
    down = rows[:, None] + random.integers(0, block, shape)
    right = columns[None, :] + random.integers(0, block, shape)
    return np.asarray(down * width + right, np.intp).ravel()
