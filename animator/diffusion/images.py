"""Conversion between RGB images and a pipeline's float arrays, with padding to whole latents."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.errors import ModelError
from animator.frame import Image


def whole(side: int, grain: int) -> int:
    """Return `side`, in pixels, rounded up to a multiple of `grain`."""
    return -(-side // grain) * grain


def padded(image: Any, grain: int) -> Any:
    """Return an image or a mask with its sides padded to multiples of `grain` by repeating the edge pixels."""
    down, right = (whole(side, grain) - side for side in image.shape[:2])
    if not down and not right:
        return image
    return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)


def given(image: Image, grain: int) -> NDArray[np.float32]:
    """Return an image as pipelines expect it: float32 (1, height, width, 3), 0..1, padded to multiples of `grain`."""
    floats: NDArray[np.float32] = padded(image, grain)[None].astype(np.float32, order="C")
    return floats / np.float32(255.0)


def finished(painted: NDArray[np.float32], index: int) -> Image:
    """Return the pipeline's output for frame `index`, floats (height, width, 3) in 0..1, as a uint8 image.

    Raises ModelError if any value is NaN or infinite.
    """
    if not np.isfinite(painted).all():
        raise broken(index)
    # C order, as images read from disk: torch's sums of the same numbers depend on the memory layout.
    picture: Image = np.rint(painted * 255.0).astype(np.uint8, order="C")
    return picture


def broken(index: int) -> ModelError:
    """Return the error for a frame whose pixels are NaN."""
    return ModelError(
        f"frame {index}: the model produced NaN instead of an image; SDXL's own VAE does so in float16:"
        " set model.dtype to bfloat16 or float32"
    )
