"""Painting with inpainting checkpoints, whose UNet also receives the mask and the masked image.

Such a checkpoint is recognised by the nine input channels of its UNet. diffusers' own inpainting pipeline is
used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLInpaintPipeline
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray

from animator.frame import Mask

CHANNELS = 9  # 4 of latents, 1 of the mask, 4 of the masked image's latents
HIDDEN = 128  # mask value from which a pixel counts as masked: these models were trained on binary masks
GREY = 0.5  # value of the image used if there is no start image


def inpaints(pipe: Any) -> bool:
    """Return True if the pipeline's checkpoint was trained for inpainting."""
    return bool(pipe.unet.config.in_channels == CHANNELS)


class Inpaint:
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
                "image": np.full((1, height, width, 3), GREY, np.float32),
                "strength": 1.0,
            }
        height, width = arguments["image"].shape[1:3]
        seen = np.full((height, width), 255, np.uint8) if mask is None else mask
        given = {
            "height": height,
            "width": width,
            "mask_image": torch.from_numpy(seen / np.float32(255))[None, None],
            "masked_image_latents": self._seen(arguments["image"], seen, arguments["generator"]),
        }
        levels = {
            name: arguments[name] for name in ("timesteps", "sigmas") if arguments.get(name) is not None
        }
        if levels and not fresh:
            given["latents"] = self._noised(scheduler, levels, arguments["image"], arguments["generator"])
            scheduler = _Begun(scheduler)
        return scheduler, {**arguments, **given}

    def _seen(self, image: NDArray[np.float32], mask: Mask, generator: torch.Generator) -> torch.Tensor:
        """Return the latents of `image` with masked pixels removed; the generator's state does not advance."""
        other = torch.Generator("cpu")
        other.set_state(generator.get_state())
        pipe = self.pipe
        hidden = torch.from_numpy((mask >= HIDDEN)[None, None])
        pixels = pipe.image_processor.preprocess(image).masked_fill(hidden, 0.0)
        pixels = pixels.to(pipe._execution_device, pipe.unet.dtype)
        latents: torch.Tensor = pipe._encode_vae_image(pixels, generator=other)
        return latents

    def _noised(
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


class _Begun:
    """Scheduler wrapper for latents that already contain their noise; the pipeline would scale them as pure noise."""

    init_noise_sigma = 1.0

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scheduler, name)
