"""Masked img2img with a strength per pixel: where the mask is weak, painting begins at a later step.

The method is Differential Diffusion (Levin and Fried 2023): each pixel is held to the original, with the
noise of the current step, until the noise has fallen to the level of the pixel's own strength. A pixel whose
turn comes between two steps is held in part, so that a soft edge stays smooth with few steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray

from animator.frame import Image, Mask
from animator.imaging.masks import paste

Latents = torch.Tensor  # (1, 4, h / 8, w / 8)
Hold = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]  # diffusers' callback_on_step_end
SEAM = 4.0  # gain of the mask in the composite: from a fourth of the mask on, the painted image is opaque


def arguments(
    pipe: StableDiffusionXLImg2ImgPipeline,
    image: NDArray[np.float32],
    mask: Mask,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Return the pipeline's arguments to paint `image` (1, h, w, 3), 0..1, through `mask` (h, w), 0..255.

    The image is encoded here and passed to the pipeline as latents. `generator` advances as in an unmasked
    pass, so that the noise is the same.
    """
    device, dtype = pipe._execution_device, pipe.unet.dtype  # the device of computation, even with offloading
    pixels = pipe.image_processor.preprocess(image)
    original = pipe.prepare_latents(pixels, None, 1, 1, dtype, device, generator, add_noise=False)
    same = torch.Generator("cpu")
    same.set_state(generator.get_state())
    noise = randn_tensor(original.shape, generator=same, device=device, dtype=dtype)
    small = cv2.resize(mask, original.shape[:1:-1], interpolation=cv2.INTER_AREA)
    amount = torch.from_numpy(np.asarray(small, np.float32) / np.float32(255)).to(device)
    return {"image": original, "callback_on_step_end": holding(original, noise, amount[None, None])}


def holding(original: Latents, noise: Latents, amount: torch.Tensor) -> Hold:
    """Return a callback that, after each step, restores pixels whose painting has not begun.

    Such pixels become the `original` latents with the noise that is left after the step. `amount` is each
    pixel's part of the strength, 0..1, and so its part of the steps.
    """

    def hold(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        scheduler, levels = pipe.scheduler, pipe.scheduler.timesteps[-pipe.num_timesteps :]
        left = len(levels) - (step + 1)
        if left and not getattr(scheduler, "state_in_first_order", True):
            return {}  # between the two model calls of one step
        joined = ((amount * len(levels) - left) / scheduler.order).clamp(0.0, 1.0)
        # diffusers' schedulers have already advanced their step index: this adds the noise of the next step.
        held = scheduler.add_noise(original, noise, levels[step + 1 : step + 2]) if left else original
        latents = tensors["latents"]
        return {"latents": torch.lerp(held.to(latents.dtype), latents, joined.to(latents.dtype))}

    return hold


def seamed(start: Image, painting: Image, mask: Mask) -> Image:
    """Return the painted image where `mask` is set, and the exact pixels of `start` where it is 0."""
    return paste(start, painting, np.minimum(mask * np.float32(SEAM), 255).astype(np.uint8))
