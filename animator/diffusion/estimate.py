"""Depth estimation of an image by a transformers model."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from animator.diffusion.loading import device_for
from animator.errors import ModelError
from animator.frame import Image

Floats = NDArray[np.float32]


class Estimator:
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
