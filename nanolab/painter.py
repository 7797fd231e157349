"""Painting with diffusers' stock pipelines, for evaluation and sample sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Settings:
    """Sampling settings of the pipelines."""

    steps: int = 8
    guidance: float = 2.0  # more gives stronger colours and harder edges, but retains less motion in a film
    height: int = 256
    width: int = 256
    batch: int = 8


class Painter:
    """Text-to-image and img2img pipelines that share one set of weights, in float32 on the CPU."""

    def __init__(self, folder: Path, lora: Path | None = None) -> None:
        logging.disable_progress_bar()
        self.fresh = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
        if lora is not None:
            self.fresh.load_lora_weights(lora)
        self.fresh.unet.to(memory_format=torch.channels_last)
        self.fresh.vae.to(memory_format=torch.channels_last)
        self.again = StableDiffusionXLImg2ImgPipeline(**self.fresh.components)
        for pipe in (self.fresh, self.again):
            pipe.set_progress_bar_config(disable=True)

    def paint(
        self, prompts: Sequence[str], seeds: Sequence[int], settings: Settings = Settings()
    ) -> list[Rgb]:
        """Paint one image, uint8 (h, w, 3), per prompt and seed."""
        made: list[Rgb] = []
        for i in range(0, len(prompts), settings.batch):
            made += self._batch(
                list(prompts[i : i + settings.batch]), seeds[i : i + settings.batch], settings
            )
        return made

    def _batch(self, prompts: list[str], seeds: Sequence[int], settings: Settings) -> list[Rgb]:
        noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        result = self.fresh(
            prompts,
            height=settings.height,
            width=settings.width,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=noise,
            output_type="np",
        )
        return list((result.images * 255).round().astype(np.uint8))

    def repaint(
        self, image: Rgb, prompt: str, strength: float, seed: int, settings: Settings = Settings()
    ) -> Rgb:
        """Paint over an image (img2img): strength 0 keeps it, 1 ignores it; about steps × strength UNet calls."""
        result = self.again(
            prompt,
            image=image[None].astype(np.float32) / 255,
            strength=strength,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        )
        return np.asarray((result.images[0] * 255).round(), np.uint8)
