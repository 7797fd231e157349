"""ControlNet hints drawn by networks: line art and poses, through controlnet-aux (extra `control`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from animator.diffusion.loading import device_for
from animator.errors import ModelError
from animator.frame import Image

SMALLEST = 64  # pixels; controlnet-aux rounds the sides of its input to multiples of this
ANNOTATORS = "lllyasviel/Annotators"  # repository of the weights, as in controlnet-aux's own examples
_CLASSES = {"lineart": "LineartDetector", "openpose": "OpenposeDetector"}


def detector(hint: str, device: str = "auto", weights: str = ANNOTATORS) -> Callable[[Image], Image]:
    """Load the detector for `hint` ("lineart" or "openpose"); `weights` is a hub id or a folder.

    Returns a function that draws the hint of an image in the image's size. Raises ModelError.
    """
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
    """Load the detector of controlnet-aux on the CPU. Raises ModelError.

    It reads .pth files, which cannot run code because torch loads weights only by default.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about optional libraries and deprecated calls
            import controlnet_aux
        kind = getattr(controlnet_aux, _CLASSES[hint])
    except (ImportError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"hint {hint} cannot be drawn: {reason}; pip install 'animator[control]'") from error
    try:
        return kind.from_pretrained(weights)
    except Exception as error:  # the hub and damaged weights raise many types
        reason = " ".join(str(error).split())[:120]
        raise ModelError(
            f"hint {hint} cannot be drawn: no weights from {weights} ({reason}); download them once with"
            " network access, or set 'file' of the control to a ready-made image"
        ) from error
