"""Distillation of a few-step LoRA: one unguided step replaces several guided steps of the model.

Training of the UNet and text encoders: predict v on latents of several formats.

Training of an edge (canny) ControlNet for nano; it is too large to be bundled.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionXLPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from numpy.typing import NDArray
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import CLIPTokenizer

from animator.imaging.filters import canny
from nanolab import text
from nanolab import text as captions
from nanolab.dataset import Pictures, readable
from nanolab.latents import CATALOGUE, Library
from nanolab.model import Nano, Noised, alphas, noised, sizes, spoken, spread
from nanolab.products import PRODUCTS
from nanolab.recipes import Recipe
from nanolab.text import ids
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
                text = self.nano.text(torch.from_numpy(ids(self.tokenizer, texts)).to(device))
            goal = self._teach(x, levels, text, sizes)
            made = self.nano(x, torch.full((self.batch,), start, device=device), text, sizes).float()
        a, s = self.kept[start], self.noised[start]
        b, t = self.kept[end], self.noised[end]
        wanted = (goal - (a * b + s * t) * x) / (t * a - b * s)
        error: Tensor = (made - wanted).square().mean()
        return error


OTHERS = 0.35  # share of steps with images of another format

TELLING = 0.01  # weight of the attribute loss; the error of v is some ten times smaller than that loss

LEAN = 0.7  # below 1: more high noise levels, which decide the layout

# Noise levels between which the share of catalogue images rises. Below them the layout is visible through the
# noise, and a film needs any layout preserved. Above them the model chooses the layout: trained on one good layout
# it paints a product, trained on all of them it paints their mean, a blot.
SEEN, DECIDED = 500, 750

_PRODUCTS, _VIEWS = list(PRODUCTS), list(captions.VIEW)


def usual(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability (n,) of choosing a catalogue image at each noise level (n,)."""
    return np.clip((levels - SEEN) / (DECIDED - SEEN), CATALOGUE, 1.0)


class DenoiseLesson:
    """Predict v for noisy latents from captions and sizes, and product and view from the UNet's middle block."""

    def __init__(
        self,
        nano: Nano,
        library: Library,
        tokenizer: CLIPTokenizer,
        batch: int = 16,
        rate: float = 1.2e-3,
    ) -> None:
        self.model, self.library, self.tokenizer = nano, library, tokenizer
        self.batch = batch
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(nano.parameters(), rate, (0.9, 0.98), weight_decay=0.01, fused=True)
        ]

    def _pictures(self, random: np.random.Generator) -> tuple[Noised, list[Recipe]]:
        """Return a random batch of noisy latents, and the recipes of its images."""
        shelf = self.library.large
        if self.library.others and random.random() < OTHERS:
            shelf = self.library.others[int(random.integers(len(self.library.others)))]
        cells = self.library.large.latents[0, 0].size / shelf.latents[0, 0].size
        # Fewer images of a larger size, so that every step costs the same.
        levels = spread(max(round(self.batch * min(cells, 1.0)), 1), LEAN, random)
        picked = shelf.pick(usual(levels), random)
        recipes = [shelf.recipes[int(i)] for i in picked]
        return noised(shelf.latents[picked], levels, place(self.model)), recipes

    def _tokens(self, recipes: list[Recipe], random: np.random.Generator) -> Tensor:
        texts = [captions.caption(recipe, random) for recipe in recipes]
        for i in np.flatnonzero(random.random(len(texts)) < 0.08):
            texts[i] = "" if random.random() < 0.6 else captions.complaint(random)
        return torch.from_numpy(text.ids(self.tokenizer, texts))

    def _untold(self, recipes: list[Recipe]) -> Tensor:
        """Return the cross entropy (natural logarithm) of product and view, predicted from the UNet's middle block."""
        product, view = self.model.told()
        device = product.device
        products = torch.tensor([_PRODUCTS.index(recipe.product) for recipe in recipes], device=device)
        views = torch.tensor([_VIEWS.index(recipe.view.word()) for recipe in recipes], device=device)
        both: Tensor = cross_entropy(product.float(), products) + cross_entropy(view.float(), views)
        return both

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v plus a small share of the cross entropy of product and view."""
        random = np.random.default_rng([5, step])
        given, recipes = self._pictures(random)
        device = place(self.model)
        tokens = self._tokens(recipes, random).to(device)
        hold = spoken(0.93, len(recipes), random, device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = self.model.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self.model(given.noisy, given.levels, text, sizes(given.noisy)).float()
            untold = self._untold(recipes)
        error = (made - given.wanted).square().mean()
        loss: Tensor = error + TELLING * untold
        return loss


HINTS = (16, 32, 64, 96)  # channels of the layers that shrink the hint to the latents' size

# Ranges of canny's lower threshold (the gradient that continues an edge) and upper one (that begins an edge).
THRESHOLDS = ((40, 90), (100, 200))

CONTROL_LEAN = 0.6  # below 1: more strong noise, where the edges help most


def beside(nano: Nano) -> ControlNetModel:
    """Return a ControlNet initialised from the UNet's encoder half; at first it changes nothing."""
    return ControlNetModel.from_unet(
        nano.unet, conditioning_channels=3, conditioning_embedding_out_channels=HINTS
    )


class ControlLesson:
    """Predict v with the edges of the same image as a hint; the UNet itself is frozen."""

    def __init__(
        self, nano: Nano, library: Library, pictures: Pictures, tokenizer: CLIPTokenizer, batch: int = 12
    ) -> None:
        """`library.large` holds the latents of `pictures`, followed by those of their mirror images."""
        self.nano, self.library, self.pictures, self.tokenizer = nano, library, pictures, tokenizer
        self.batch = batch
        nano.requires_grad_(False)
        self.net = beside(nano).to(place(nano.unet))
        self.model: nn.Module = self.net
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.net.parameters(), 6e-4, (0.9, 0.98), fused=True)
        ]

    def _edges(self, index: int, random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the edges (h, w, 3) of the image that latent `index` encodes."""
        picture = self.pictures[index % len(self.pictures)]
        low, high = (int(random.integers(*ends)) for ends in THRESHOLDS)
        edges = canny(np.ascontiguousarray(picture), low, high)
        return edges if index < len(self.pictures) else edges[:, ::-1]

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v; a third of the images have no caption, so that the edges must suffice."""
        random = np.random.default_rng([10, step])
        shelf, device = self.library.large, place(self.model)
        picked = shelf.pick(np.full(self.batch, CATALOGUE), random)
        hints = np.stack([self._edges(int(i), random) for i in picked])
        hint = torch.from_numpy(hints.astype(np.float32) / 255).permute(0, 3, 1, 2).to(device)
        texts = [captions.caption(shelf.recipes[int(i)], random) for i in picked]
        tokens = torch.from_numpy(ids(self.tokenizer, texts)).to(device)
        hold = spoken(0.67, self.batch, random, device)
        given = noised(shelf.latents[picked], spread(self.batch, CONTROL_LEAN, random), device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                embeds, pooled = self.nano.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self._painted(given.noisy, given.levels, text, hint)
        return (made.float() - given.wanted).square().mean()

    def _painted(self, noisy: Tensor, levels: Tensor, text: tuple[Tensor, Tensor], hint: Tensor) -> Tensor:
        extra = {"text_embeds": text[1], "time_ids": sizes(noisy)}
        down, middle = self.net(
            noisy, levels, text[0], controlnet_cond=hint, added_cond_kwargs=extra, return_dict=False
        )
        made: Tensor = self.nano.unet(
            noisy,
            levels,
            encoder_hidden_states=text[0],
            added_cond_kwargs=extra,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return made
