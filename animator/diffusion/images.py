"""Pictures on their way into a pipeline and out of it: padded to whole latents, as floats, and as bytes again."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.errors import ModelError
from animator.frame import Image


def whole(side: int, grain: int) -> int:
    """`side` rounded up to a multiple of `grain`, pixels."""
    return -(-side // grain) * grain


def padded(image: Any, grain: int) -> Any:
    """A picture or a mask with its edge repeated up to whole multiples of `grain`."""
    down, right = (whole(side, grain) - side for side in image.shape[:2])
    if not down and not right:
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)


def given(image: Image, grain: int) -> NDArray[np.float32]:
    """`image` as pipelines take it: (1, height, width, 3), 0..1, padded."""
    floats: NDArray[np.float32] = padded(image, grain)[None].astype(np.float32, order="C")
    return floats / np.float32(255.0)


def finished(painted: NDArray[np.float32], index: int) -> Image:
    """What a pipeline painted for frame `index`, (height, width, 3), 0..1. Raises ModelError if it is NaN."""
    if not np.isfinite(painted).all():
        raise broken(index)
    # In the order that a picture read from disk has: in another, torch adds the same numbers up differently.
    picture: Image = np.rint(painted * 255.0).astype(np.uint8, order="C")
    return picture


def broken(index: int) -> ModelError:
    return ModelError(
        f"frame {index}: the model painted no picture but NaN; SDXL's own VAE does so in float16:"
        " set model.dtype to bfloat16 or float32"
    )
