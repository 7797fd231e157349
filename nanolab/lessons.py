"""Distillation of a few-step LoRA: one unguided step replaces several guided steps of the model."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor, nn
from transformers import CLIPTokenizer

from nanolab import text as captions
from nanolab import words
from nanolab.dataset import readable
from nanolab.denoise import usual
from nanolab.model import Nano, alphas
from nanolab.shelves import Library
from nanolab.trainer import place

TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "ff.net.0.proj", "ff.net.2"]
SUBSTEPS = {2: 6, 3: 4, 4: 3}  # number of student steps → teacher steps within each of them
GUIDANCE = 3.0

Text = tuple[Tensor, Tensor]


def add_lora(nano: Nano, rank: int = 16) -> None:
    """Add a LoRA of this rank to the UNet and freeze all other weights."""
    nano.requires_grad_(False)
    nano.unet.add_adapter(
        LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS, init_lora_weights="gaussian")
    )


def save_lora(unet: nn.Module, folder: Path) -> None:
    """Write the UNet's LoRA as pytorch_lora_weights.safetensors in half precision, for `load_lora_weights`."""
    layers = {
        k: v.half() for k, v in convert_state_dict_to_diffusers(get_peft_model_state_dict(unet)).items()
    }
    StableDiffusionXLPipeline.save_lora_weights(folder, unet_lora_layers=layers)
    readable(folder)


class DistilLesson:
    """Match the result of several guided teacher steps with one unguided step."""

    def __init__(self, nano: Nano, library: Library, tokenizer: CLIPTokenizer, batch: int = 8) -> None:
        self.nano, self.library, self.tokenizer, self.batch = nano, library, tokenizer, batch
        self.model: nn.Module = nano.unet
        learning = [p for p in nano.unet.parameters() if p.requires_grad]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(learning, 1e-3, (0.9, 0.98), fused=True)
        ]
        kept, noised = alphas()
        # Index -1 stands for the clean image: no noise at all.
        self.kept, self.noised = torch.cat([kept, torch.ones(1)]), torch.cat([noised, torch.zeros(1)])

    def _step(self, x: Tensor, v: Tensor, start: int, end: int) -> Tensor:
        """Return x after a deterministic (DDIM) step from level `start` to `end`; level -1 is the clean image."""
        clean = self.kept[start] * x - self.noised[start] * v
        noise = self.noised[start] * x + self.kept[start] * v
        return self.kept[end] * clean + self.noised[end] * noise

    @torch.no_grad()
    def _teach(self, x: Tensor, levels: list[int], text: Text, sizes: Tensor) -> Tensor:
        """Return x after the guided teacher's steps over `levels`, with the LoRA switched off."""
        both = (
            torch.cat([torch.zeros_like(text[0]), text[0]]),
            torch.cat([torch.zeros_like(text[1]), text[1]]),
        )
        self.nano.unet.disable_adapters()
        for start, end in itertools.pairwise(levels):
            level = torch.full((2 * len(x),), start, device=x.device)
            plain, told = self.nano(x.repeat(2, 1, 1, 1), level, both, sizes.repeat(2, 1)).float().chunk(2)
            x = self._step(x, plain + GUIDANCE * (told - plain), start, end)
        self.nano.unet.enable_adapters()
        return x

    def loss(self, step: int) -> Tensor:
        """Return the mean square error against the v whose single step ends where the teacher ends."""
        random = np.random.default_rng([6, step])
        shelf = self.library.large
        count = int(random.choice(list(SUBSTEPS)))
        grid = [round(1000 - 1000 * k / count) - 1 for k in range(count + 1)]
        k = int(random.integers(count))
        start, end = grid[k], grid[k + 1]
        picked = shelf.pick(usual(np.full(self.batch, start)), random)
        texts = [captions.caption(shelf.recipes[int(i)], random) for i in picked]
        levels = [round(level) for level in np.linspace(start, end, SUBSTEPS[count] + 1)]
        device = place(self.model)
        clean = torch.from_numpy(shelf.latents[picked].astype(np.float32)).to(device)
        x = self.kept[start] * clean + self.noised[start] * torch.randn(clean.shape).to(device)
        height, width = clean.shape[2] * 8, clean.shape[3] * 8
        size = [height, width, 0, 0, height, width]
        sizes = torch.tensor([size] * self.batch, dtype=torch.float32, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                text = self.nano.text(torch.from_numpy(words.ids(self.tokenizer, texts)).to(device))
            goal = self._teach(x, levels, text, sizes)
            made = self.nano(x, torch.full((self.batch,), start, device=device), text, sizes).float()
        a, s = self.kept[start], self.noised[start]
        b, t = self.kept[end], self.noised[end]
        wanted = (goal - (a * b + s * t) * x) / (t * a - b * s)
        error: Tensor = (made - wanted).square().mean()
        return error
