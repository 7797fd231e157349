"""Upscaling of images by networks of any architecture that spandrel supports (extra `upscale`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from animator.diffusion.loading import device_for
from animator.errors import ModelError
from animator.frame import Image


class Enlarger:
    """Loaded upscaling network (ESRGAN or any other that spandrel supports); `scale` is its factor per side."""

    def __init__(self, file: Path, device: str = "auto") -> None:
        """Load `file` (.safetensors). Raises ModelError if it is not an RGB upscaling network."""
        try:
            from spandrel import ImageModelDescriptor, ModelLoader
        except ImportError as error:
            reason = " ".join(str(error).split())[:160]
            raise ModelError(
                f"output.upscale: spandrel cannot be used: {reason}; pip install 'animator[upscale]'"
            ) from error
        self.device = device_for(device)
        try:
            found = ModelLoader(self.device).load_from_state_dict(load_file(file))
        except Exception as error:  # spandrel raises many types for networks that it does not support
            reason = " ".join(str(error).split())[:160] or type(error).__name__
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
