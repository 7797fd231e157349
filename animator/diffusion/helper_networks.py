"""Networks beside SDXL: line art and pose detectors, the depth estimator, upscaling networks.

They come from controlnet-aux (extra `control`), transformers and spandrel (extra `upscale`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from animator.diffusion.loading import device_for
from animator.errors import ModelError, one_line
from animator.frame import Image


class UpscaleNetwork:
    """Loaded upscaling network (ESRGAN or any other that spandrel supports); `scale` is its factor per side."""

    def __init__(self, file: Path, device: str = "auto") -> None:
        """Load `file` (.safetensors). Raises ModelError if it is not an RGB upscaling network."""
        try:
            from spandrel import ImageModelDescriptor, ModelLoader
        except ImportError as error:
            reason = one_line(error, 160)
            raise ModelError(
                f"output.upscale: spandrel cannot be used: {reason}; pip install 'animator[upscale]'"
            ) from error
        self.device = device_for(device)
        try:
            found = ModelLoader(self.device).load_from_state_dict(load_file(file))
        except Exception as error:  # spandrel raises many types for networks that it does not support
            reason = one_line(error, 160) or type(error).__name__
            raise ModelError(f"output.upscale: spandrel does not support {file}: {reason}") from error
        if not isinstance(found, ImageModelDescriptor) or (found.input_channels, found.output_channels) != (
            3,
            3,
        ):
            raise ModelError(f"output.upscale: {file} is not a network from RGB images to RGB images")
        self.model, self.scale = found.eval(), int(found.scale)
        if self.device.type == "cuda" and found.supports_half:
            self.model = self.model.half()

    def __call__(self, image: Image) -> Image:
        """Return `image` (h, w, 3) enlarged to (h * scale, w * scale, 3). Raises ModelError if out of memory."""
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(
            self.device, self.model.dtype
        )
        try:
            with torch.inference_mode():
                made = self.model(pixels / 255.0)[0].float().clamp(0, 1).cpu().numpy()
        except RuntimeError as error:
            if "memory" not in str(error).lower():
                raise
            height, width = image.shape[:2]
            message = (
                f"out of memory while enlarging {width}x{height} pixels; use a smaller output.upscale.tile"
            )
            raise ModelError(message) from error
        return np.asarray(np.rint(made.transpose(1, 2, 0) * 255.0), np.uint8)


MIN_SIDE = 64  # pixels; controlnet-aux rounds the sides of its input to multiples of this

ANNOTATOR_WEIGHTS = "lllyasviel/Annotators"  # repository of the weights, as in controlnet-aux's own examples

_CLASSES = {"lineart": "LineartDetector", "openpose": "OpenposeDetector"}


def load_detector(
    hint: str, device: str = "auto", weights: str = ANNOTATOR_WEIGHTS
) -> Callable[[Image], Image]:
    """Load the detector for `hint` ("lineart" or "openpose"); `weights` is a hub id or a folder.

    Returns a function that draws the hint of an image in the image's size. Raises ModelError.
    """
    draw = _load_annotator(hint, weights).to(device_for(device))

    def drawn(image: Image) -> Image:
        height, width = image.shape[:2]
        side = max(min(height, width), MIN_SIDE)
        found = np.asarray(
            draw(image, detect_resolution=side, image_resolution=side, output_type="np"), np.uint8
        )
        return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    return drawn


def _load_annotator(hint: str, weights: str) -> Any:
    """Load the detector of controlnet-aux on the CPU. Raises ModelError.

    It reads .pth files, which cannot run code because torch loads weights only by default.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about optional libraries and deprecated calls
            import controlnet_aux
        kind = getattr(controlnet_aux, _CLASSES[hint])
    except (ImportError, AttributeError) as error:
        reason = one_line(error, 160)
        raise ModelError(f"hint {hint} cannot be drawn: {reason}; pip install 'animator[control]'") from error
    try:
        return kind.from_pretrained(weights)
    except Exception as error:  # the hub and damaged weights raise many types
        reason = one_line(error, 120)
        raise ModelError(
            f"hint {hint} cannot be drawn: no weights from {weights} ({reason}); download them once with"
            " network access, or set 'file' of the control to a ready-made image"
        ) from error


Floats = NDArray[np.float32]


class DepthEstimator:
    """Loaded depth estimator; a call returns float32 (height, width) that grows with nearness, in the model's unit."""

    def __init__(self, model: str, device: str = "auto") -> None:
        """Load `model`, a hub id or a folder with .safetensors weights. Raises ModelError."""
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation

        self.device = device_for(device)
        try:
            self.prepare = AutoImageProcessor.from_pretrained(model)
            loaded = AutoModelForDepthEstimation.from_pretrained(model, use_safetensors=True)
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).strip().splitlines()[0][:120]
            advice = "set motion.depth_model to a folder, or use depth: proxy"
            raise ModelError(f"depth estimator {model} cannot be loaded; {advice} ({reason})") from error
        self.model = loaded.to(self.device).eval()
        # Metric models estimate distance, which falls with nearness.
        self.sign = (
            -1.0 if getattr(self.model.config, "depth_estimation_type", "relative") == "metric" else 1.0
        )

    def __call__(self, image: Image) -> Floats:
        inputs = self.prepare(images=image, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            found = self.model(**inputs).predicted_depth[0].float().cpu().numpy()
        height, width = image.shape[:2]
        return np.asarray(
            self.sign * cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32
        )
