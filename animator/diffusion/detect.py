"""Hints that networks draw: lines and poses, by controlnet-aux (extra `control`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from animator.diffusion.checkpoint import device_for
from animator.errors import ModelError
from animator.frame import Image

ANNOTATORS = "lllyasviel/Annotators"  # where controlnet-aux's own examples take the weights from
_CLASSES = {"lineart": "LineartDetector", "openpose": "OpenposeDetector"}


def detector(hint: str, device: str = "auto") -> Callable[[Image], Image]:
    """Draws the `hint` of a picture, in the picture's size. Raises ModelError."""
    try:
        import controlnet_aux

        draw: Any = getattr(controlnet_aux, _CLASSES[hint]).from_pretrained(ANNOTATORS).to(device_for(device))
    except (ImportError, OSError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"hint {hint} cannot be drawn: {reason}; pip install 'animator[control]'") from error

    def drawn(image: Image) -> Image:
        height, width = image.shape[:2]
        side = min(height, width)
        found = np.asarray(
            draw(image, detect_resolution=side, image_resolution=side, output_type="np"), np.uint8
        )
        return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    return drawn
