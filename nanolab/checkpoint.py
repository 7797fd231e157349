"""The trained model as a diffusers folder that stock SDXL pipelines load, and painting with it for evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models.attention_processor import AttnProcessor2_0
from diffusers.utils import logging
from numpy.typing import NDArray
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from nanolab import text
from nanolab.dataset import make_readable
from nanolab.model import Nano, build_scheduler

# EulerDiscrete does not save these settings; without them, DDIM, DDPM and PNDM would clip when they load its file.
SCHEDULER_EXTRAS = {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True}


def build_pipeline(nano: Nano, vae: AutoencoderKL, tokens: Path) -> StableDiffusionXLPipeline:
    """Return an SDXL pipeline of the trained parts; `tokens` is the folder of vocab.json and merges.txt."""
    nano.unet.set_attn_processor(AttnProcessor2_0())
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=nano.first,
        text_encoder_2=nano.second,
        tokenizer=text.read_tokenizer(tokens),
        tokenizer_2=text.read_tokenizer(tokens),
        unet=nano.unet,
        scheduler=build_scheduler(),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )


def export_checkpoint(nano: Nano, vae: AutoencoderKL, tokens: Path, folder: Path) -> None:
    """Write the diffusers folder in half precision.

    Without an argument, diffusers reads UNet and VAE as float32, but transformers reads the text encoders in the
    dtype of their config: so that names float32, too.
    """
    parts = build_pipeline(nano, vae, tokens).to(dtype=torch.float16)
    parts.save_pretrained(folder)
    for name in ("tokenizer", "tokenizer_2"):
        # Older tokenizers read only these raw files.
        for file in ("vocab.json", "merges.txt"):
            (folder / name / file).write_text((tokens / file).read_text())
        _edit_json(folder / name / "tokenizer_config.json", drop=("is_local", "local_files_only"))
    for name in ("text_encoder", "text_encoder_2"):
        _edit_json(folder / name / "config.json", {"dtype": "float32"})
    _edit_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER_EXTRAS)
    make_readable(folder)


def restore_checkpoint(nano: Nano, folder: Path) -> None:
    """Load the weights of a folder that `export_checkpoint` wrote into `nano`.

    Raises RuntimeError if the shapes differ.
    """
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").float()
    first = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    second = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2", dtype=torch.float32)
    for ours, theirs in ((nano.unet, unet), (nano.first, first), (nano.second, second)):
        ours.load_state_dict(theirs.state_dict())


def _edit_json(path: Path, extra: Mapping[str, bool | str] | None = None, drop: tuple[str, ...] = ()) -> None:
    settings = {k: v for k, v in json.loads(path.read_text()).items() if k not in drop}
    path.write_text(json.dumps({**settings, **(extra or {})}, indent=2) + "\n")


def folder_size(folder: Path) -> int:
    """Return the total size of all files in the folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class PipelineSettings:
    """Sampling settings of the pipelines."""

    steps: int = 8
    guidance: float = 2.0  # more gives stronger colours and harder edges, but retains less motion in a film
    height: int = 256
    width: int = 256
    batch: int = 8


class PipelinePainter:
    """Text-to-image and img2img pipelines that share one set of weights, in float32 on the CPU."""

    def __init__(self, folder: Path, lora: Path | None = None) -> None:
        logging.disable_progress_bar()
        self.txt2img = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
        if lora is not None:
            self.txt2img.load_lora_weights(lora)
        self.txt2img.unet.to(memory_format=torch.channels_last)
        self.txt2img.vae.to(memory_format=torch.channels_last)
        self.img2img = StableDiffusionXLImg2ImgPipeline(**self.txt2img.components)
        for pipe in (self.txt2img, self.img2img):
            pipe.set_progress_bar_config(disable=True)

    def paint(
        self, prompts: Sequence[str], seeds: Sequence[int], settings: PipelineSettings = PipelineSettings()
    ) -> list[Rgb]:
        """Paint one image, uint8 (h, w, 3), per prompt and seed."""
        made: list[Rgb] = []
        for i in range(0, len(prompts), settings.batch):
            made += self._batch(
                list(prompts[i : i + settings.batch]), seeds[i : i + settings.batch], settings
            )
        return made

    def _batch(self, prompts: list[str], seeds: Sequence[int], settings: PipelineSettings) -> list[Rgb]:
        noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        result = self.txt2img(
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
        self,
        image: Rgb,
        prompt: str,
        strength: float,
        seed: int,
        settings: PipelineSettings = PipelineSettings(),
    ) -> Rgb:
        """Paint over an image (img2img): strength 0 keeps it, 1 ignores it; about steps × strength UNet calls."""
        result = self.img2img(
            prompt,
            image=image[None].astype(np.float32) / 255,
            strength=strength,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        )
        return np.asarray((result.images[0] * 255).round(), np.uint8)
