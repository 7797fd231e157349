"""Images that the model paints during training: sample sheets at a fixed seed, and class images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pictures

from animator.frame import Image
from animator.training.buckets import View
from animator.training.settings import Settings
from animator.training.words import Words


@contextmanager
def _painting(pipe: Any, device: torch.device) -> Iterator[None]:
    """Put the whole model on the device in evaluation mode, and restore it afterwards."""
    places = {name: getattr(pipe, name).device for name in ("vae", "text_encoder", "text_encoder_2")}
    learning = pipe.unet.training
    pipe.unet.eval()
    for name in places:
        getattr(pipe, name).to(device)
    try:
        yield
    finally:
        pipe.unet.train(learning)
        for name, place in places.items():
            getattr(pipe, name).to(place)


@torch.no_grad()
def paint(
    pipe: Any,
    words: Words,
    prompts: Sequence[str],
    seeds: Sequence[int],
    size: int,
    steps: int,
    guidance: float,
) -> Iterator[Image]:
    """Yield one image (size, size, 3), uint8 RGB, per prompt and seed; size in whole steps of the VAE."""
    device = pipe.unet.device
    side = size // pipe.vae_scale_factor * pipe.vae_scale_factor
    with _painting(pipe, device):
        for prompt, seed in zip(prompts, seeds, strict=True):
            tokens, pooled = words.encode([prompt])
            with torch.autocast(device.type, torch.bfloat16, enabled=pipe.unet.dtype == torch.bfloat16):
                made = pipe(
                    prompt_embeds=tokens,
                    pooled_prompt_embeds=pooled,
                    negative_prompt_embeds=torch.zeros_like(tokens),
                    negative_pooled_prompt_embeds=torch.zeros_like(pooled),
                    height=side,
                    width=side,
                    num_inference_steps=steps,
                    guidance_scale=guidance,
                    generator=torch.Generator("cpu").manual_seed(seed),
                    output_type="np",
                ).images[0]
            yield np.rint(np.nan_to_num(made) * 255).astype(np.uint8)


def sheet(pipe: Any, words: Words, settings: Settings, file: Path) -> Path:
    """Paint the sample prompts, each at the same seed, side by side into `file`."""
    prompts, watch = settings.sample_prompts, settings.watch
    seeds = [watch.seed] * len(prompts)
    images = list(paint(pipe, words, prompts, seeds, settings.resolution, watch.steps, watch.guidance_scale))
    file.parent.mkdir(parents=True, exist_ok=True)
    Pictures.fromarray(np.concatenate(images, axis=1)).save(file)
    return file


def class_views(pipe: Any, words: Words, settings: Settings, folder: Path) -> list[tuple[View, str]]:
    """Return the class images with their prompts; the untrained model paints those missing in `folder`."""
    prior, size = settings.prior, settings.resolution
    prompts = [settings.class_prompts[i % len(settings.class_prompts)] for i in range(prior.pictures)]
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:04}.png" for number in range(prior.pictures)]
    missing = [number for number, file in enumerate(files) if not file.exists()]
    seeds = [settings.learning.seed + 1 + number for number in missing]
    asked = [prompts[number] for number in missing]
    for number, image in zip(
        missing, paint(pipe, words, asked, seeds, size, prior.steps, prior.guidance_scale), strict=True
    ):
        draft = files[number].with_suffix(".draft")
        Pictures.fromarray(image).save(draft, "PNG")
        draft.replace(files[number])
    views = []
    for file, prompt in zip(files, prompts, strict=True):
        with Pictures.open(file) as opened:
            image = np.array(opened.convert("RGB"))
        height, width = image.shape[:2]
        views.append((View(image, None, 1.0, (height, width, 0, 0, height, width)), prompt))
    return views
