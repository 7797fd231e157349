"""A strength for every pixel: where the mask is weak, painting begins later, from the picture as it was.

The idea is that of Differential Diffusion (Levin and Fried 2023): each pixel is held to the original, with the
noise of the step, until the noise has fallen to the level that its own strength names. A pixel that is due
between two steps is held in part, so that few steps make no staircase of a soft edge.
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
SEAM = 4.0  # a mask of a fourth, and more, shows the painting alone: what is painted less is also a seam


def arguments(
    pipe: StableDiffusionXLImg2ImgPipeline,
    image: NDArray[np.float32],
    mask: Mask,
    generator: torch.Generator,
) -> dict[str, Any]:
    """The pipeline's arguments to paint `image` (1, h, w, 3), 0..1, by `mask` (h, w): the same noise as without.

    The picture is encoded here and given to the pipeline as latents, and `generator` with what is left of it.
    """
    device, dtype = pipe._execution_device, pipe.unet.dtype  # where networks wait elsewhere, they paint there
    pixels = pipe.image_processor.preprocess(image)
    original = pipe.prepare_latents(pixels, None, 1, 1, dtype, device, generator, add_noise=False)
    same = torch.Generator("cpu")
    same.set_state(generator.get_state())
    noise = randn_tensor(original.shape, generator=same, device=device, dtype=dtype)
    small = cv2.resize(mask, original.shape[:1:-1], interpolation=cv2.INTER_AREA)
    amount = torch.from_numpy(np.asarray(small, np.float32) / np.float32(255)).to(device)
    return {"image": original, "callback_on_step_end": holding(original, noise, amount[None, None])}


def holding(original: Latents, noise: Latents, amount: torch.Tensor) -> Hold:
    """After each step: the original, with the noise that is still there, where painting has not begun.

    `amount` is each pixel's part of the painting's strength, 0..1, and so of its steps.
    """

    def hold(pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        scheduler, levels = pipe.scheduler, pipe.scheduler.timesteps[-pipe.num_timesteps :]
        left = len(levels) - (step + 1)
        if left and not getattr(scheduler, "state_in_first_order", True):
            return {}  # half way through a step that asks the model twice
        joined = ((amount * len(levels) - left) / scheduler.order).clamp(0.0, 1.0)
        # diffusers' schedulers count their own steps, and add the noise of the one to come.
        held = scheduler.add_noise(original, noise, levels[step + 1 : step + 2]) if left else original
        latents = tensors["latents"]
        return {"latents": torch.lerp(held.to(latents.dtype), latents, joined.to(latents.dtype))}

    return hold


def seamed(start: Image, painting: Image, mask: Mask) -> Image:
    """`painting` where the mask is, the very pixels of `start` where it is not."""
    return paste(start, painting, np.minimum(mask * np.float32(SEAM), 255).astype(np.uint8))
