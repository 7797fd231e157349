"""Hints that networks draw: lines and poses, by controlnet-aux (extra `control`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from animator.diffusion.loading import device_for
from animator.errors import ModelError
from animator.frame import Image

SMALLEST = 64  # pixels, to which controlnet-aux rounds the sides of what it looks at
ANNOTATORS = "lllyasviel/Annotators"  # where controlnet-aux's own examples take the weights from
_CLASSES = {"lineart": "LineartDetector", "openpose": "OpenposeDetector"}


def detector(hint: str, device: str = "auto", weights: str = ANNOTATORS) -> Callable[[Image], Image]:
    """Draws the `hint` of a picture, in the picture's size, by `weights`: a hub id or a folder. Raises ModelError."""
    draw = _loaded(hint, weights).to(device_for(device))

    def drawn(image: Image) -> Image:
        height, width = image.shape[:2]
        side = max(min(height, width), SMALLEST)
        found = np.asarray(
            draw(image, detect_resolution=side, image_resolution=side, output_type="np"), np.uint8
        )
        return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    return drawn


def _loaded(hint: str, weights: str) -> Any:
    """The detector of controlnet-aux, on the CPU. Its .pth files are read as weights alone: torch's own default."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries that it could use, and of its own age
            import controlnet_aux
        kind = getattr(controlnet_aux, _CLASSES[hint])
    except (ImportError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"hint {hint} cannot be drawn: {reason}; pip install 'animator[control]'") from error
    try:
        return kind.from_pretrained(weights)
    except Exception as error:  # whatever the hub and damaged weights raise
        reason = " ".join(str(error).split())[:120]
        raise ModelError(
            f"hint {hint} cannot be drawn: no weights from {weights} ({reason}); load them once where the hub is"
            " in reach, or give the control a ready-made 'file'"
        ) from error
