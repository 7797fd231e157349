"""Painting inside a mask: inpainting checkpoints, and for other models a strength for every pixel.

An inpainting checkpoint is recognised by the nine input channels of its UNet; diffusers' own pipeline uses it.
The method for other models is Differential Diffusion (Levin and Fried 2023): each pixel is held to the original,
with the noise of the current step, until the noise has fallen to the level of the pixel's own strength. A pixel
whose turn comes between two steps is held in part, so that a soft edge stays smooth with few steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray

from animator.frame import Image, Mask
from animator.imaging.masks import paste

INPAINT_CHANNELS = 9  # 4 of latents, 1 of the mask, 4 of the masked image's latents

MASK_THRESHOLD = (
    128  # mask value from which a pixel counts as masked: these models were trained on binary masks
)

EMPTY_GREY = 0.5  # value of the image used if there is no start image


def is_inpainting_checkpoint(pipe: Any) -> bool:
    """Return True if the pipeline's checkpoint was trained for inpainting."""
    return bool(pipe.unet.config.in_channels == INPAINT_CHANNELS)


class InpaintPipeline:
    """diffusers' inpainting pipeline, sharing the weights of an img2img pipeline."""

    def __init__(self, img2img: Any) -> None:
        self.img2img = img2img
        self.pipe = StableDiffusionXLInpaintPipeline(**img2img.components, add_watermarker=False)
        self.pipe.set_progress_bar_config(disable=True)

    def arguments(
        self, scheduler: Any, arguments: dict[str, Any], mask: Mask | None
    ) -> tuple[Any, dict[str, Any]]:
        """Convert the scheduler and arguments of a txt2img or img2img call into those of the inpainting pipeline.

        `mask` (h, w), 0..255: the pixels to paint; None paints everywhere. Over a start image, the pass
        starts from the same noise as img2img does.
        """
        height, width = arguments.get("height"), arguments.get("width")
        if fresh := "image" not in arguments:
            arguments = {
                **arguments,
                "image": np.full((1, height, width, 3), EMPTY_GREY, np.float32),
                "strength": 1.0,
            }
        height, width = arguments["image"].shape[1:3]
        seen = np.full((height, width), 255, np.uint8) if mask is None else mask
        given = {
            "height": height,
            "width": width,
            "mask_image": torch.from_numpy(seen / np.float32(255))[None, None],
            "masked_image_latents": self._masked_image_latents(
                arguments["image"], seen, arguments["generator"]
            ),
        }
        levels = {
            name: arguments[name] for name in ("timesteps", "sigmas") if arguments.get(name) is not None
        }
        if levels and not fresh:
            given["latents"] = self._noised_latents(
                scheduler, levels, arguments["image"], arguments["generator"]
            )
            scheduler = _PrenoisedScheduler(scheduler)
        return scheduler, {**arguments, **given}

    def _masked_image_latents(
        self, image: NDArray[np.float32], mask: Mask, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the latents of `image` with masked pixels removed; the generator's state does not advance."""
        other = torch.Generator("cpu")
        other.set_state(generator.get_state())
        pipe = self.pipe
        hidden = torch.from_numpy((mask >= MASK_THRESHOLD)[None, None])
        pixels = pipe.image_processor.preprocess(image).masked_fill(hidden, 0.0)
        pixels = pixels.to(pipe._execution_device, pipe.unet.dtype)
        latents: torch.Tensor = pipe._encode_vae_image(pixels, generator=other)
        return latents

    def _noised_latents(
        self, scheduler: Any, levels: dict[str, Any], image: NDArray[np.float32], generator: torch.Generator
    ) -> torch.Tensor:
        """Return the noised latents of `image`; given explicit levels, the pipeline would start from pure noise."""
        pipe = self.img2img
        device, dtype = pipe._execution_device, pipe.unet.dtype
        pixels = pipe.image_processor.preprocess(image)
        original = pipe.prepare_latents(pixels, None, 1, 1, dtype, device, generator, add_noise=False)
        noise = randn_tensor(original.shape, generator=generator, device=device, dtype=dtype)
        scheduler.set_timesteps(device=device, **levels)
        noised: torch.Tensor = scheduler.add_noise(original, noise, scheduler.timesteps[:1])
        return noised


class _PrenoisedScheduler:
    """Scheduler wrapper for latents that already contain their noise; the pipeline would scale them as pure noise."""

    init_noise_sigma = 1.0

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)


Latents = torch.Tensor  # (1, 4, h / 8, w / 8)

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]  # diffusers' callback_on_step_end

SEAM_GAIN = (
    4.0  # gain of the mask in the composite: from a fourth of the mask on, the painted image is opaque
)


def masked_arguments(
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
    return {"image": original, "callback_on_step_end": hold_callback(original, noise, amount[None, None])}


def hold_callback(original: Latents, noise: Latents, amount: torch.Tensor) -> StepCallback:
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


def composite(start: Image, painting: Image, mask: Mask) -> Image:
    """Return the painted image where `mask` is set, and the exact pixels of `start` where it is 0."""
    return paste(start, painting, np.minimum(mask * np.float32(SEAM_GAIN), 255).astype(np.uint8))
