"""Export of the trained model as a diffusers folder that stock SDXL pipelines load."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from nanolab import words
from nanolab.dataset import readable
from nanolab.model import Nano, scheduler

# EulerDiscrete does not save these settings; without them, DDIM, DDPM and PNDM would clip when they load its file.
SCHEDULER_EXTRAS = {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True}


def pipeline(nano: Nano, vae: AutoencoderKL, tokens: Path) -> StableDiffusionXLPipeline:
    """Return an SDXL pipeline of the trained parts; `tokens` is the folder of vocab.json and merges.txt."""
    nano.unet.set_attn_processor(AttnProcessor2_0())
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=nano.first,
        text_encoder_2=nano.second,
        tokenizer=words.read(tokens),
        tokenizer_2=words.read(tokens),
        unet=nano.unet,
        scheduler=scheduler(),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )


def export(nano: Nano, vae: AutoencoderKL, tokens: Path, folder: Path) -> None:
    """Write the diffusers folder in half precision."""
    parts = pipeline(nano, vae, tokens).to(dtype=torch.float16)
    parts.save_pretrained(folder)
    for name in ("tokenizer", "tokenizer_2"):
        # Older tokenizers read only these raw files.
        for file in ("vocab.json", "merges.txt"):
            (folder / name / file).write_text((tokens / file).read_text())
        _edit(folder / name / "tokenizer_config.json", drop=("is_local", "local_files_only"))
    _edit(folder / "scheduler" / "scheduler_config.json", SCHEDULER_EXTRAS)
    readable(folder)


def restore(nano: Nano, folder: Path) -> None:
    """Load the weights of a folder that `export` wrote into `nano`. Raises RuntimeError if the shapes differ."""
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").float()
    first = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    second = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2", dtype=torch.float32)
    for ours, theirs in ((nano.unet, unet), (nano.first, first), (nano.second, second)):
        ours.load_state_dict(theirs.state_dict())


def _edit(path: Path, extra: dict[str, bool] | None = None, drop: tuple[str, ...] = ()) -> None:
    settings = {k: v for k, v in json.loads(path.read_text()).items() if k not in drop}
    path.write_text(json.dumps({**settings, **(extra or {})}, indent=2) + "\n")


def size(folder: Path) -> int:
    """Return the total size of all files in the folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
