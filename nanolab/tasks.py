"""Training tasks of nano: UNet with text encoders, distillation to few steps, an edge ControlNet.

Distillation trains a LoRA: one unguided step replaces several guided steps. The ControlNet is too large to be bundled.
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

from animator.imaging.filters import canny_hint
from nanolab import text
from nanolab.dataset import ShardedImages, make_readable
from nanolab.latents import CATALOG_SHARE, LatentLibrary
from nanolab.model import (
    Nano,
    NoisyLatents,
    add_noise,
    caption_mask,
    sample_levels,
    signal_and_noise_scales,
    size_conditions,
)
from nanolab.products import PRODUCTS
from nanolab.recipes import Recipe
from nanolab.text import random_caption, token_ids
from nanolab.trainer import device_of

LORA_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "ff.net.0.proj", "ff.net.2"]

TEACHER_STEPS = {2: 6, 3: 4, 4: 3}  # number of student steps → teacher steps within each of them

TEACHER_GUIDANCE = 3.0


TextEmbeddings = tuple[Tensor, Tensor]


def add_lora(nano: Nano, rank: int = 16) -> None:
    """Add a LoRA of this rank to the UNet and freeze all other weights."""
    nano.requires_grad_(False)
    nano.unet.add_adapter(
        LoraConfig(r=rank, lora_alpha=rank, target_modules=LORA_TARGETS, init_lora_weights="gaussian")
    )


def save_lora(unet: nn.Module, folder: Path) -> None:
    """Write the UNet's LoRA as pytorch_lora_weights.safetensors in half precision, for `load_lora_weights`."""
    layers = {
        k: v.half() for k, v in convert_state_dict_to_diffusers(get_peft_model_state_dict(unet)).items()
    }
    StableDiffusionXLPipeline.save_lora_weights(folder, unet_lora_layers=layers)
    make_readable(folder)


class DistillationTask:
    """Match the result of several guided teacher steps with one unguided step."""

    def __init__(self, nano: Nano, library: LatentLibrary, tokenizer: CLIPTokenizer, batch: int = 8) -> None:
        self.nano, self.library, self.tokenizer, self.batch = nano, library, tokenizer, batch
        self.model: nn.Module = nano.unet
        learning = [p for p in nano.unet.parameters() if p.requires_grad]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(learning, 1e-3, (0.9, 0.98), fused=True)
        ]
        kept, noised = signal_and_noise_scales()
        # Index -1 stands for the clean image: no noise at all.
        self.kept, self.noised = torch.cat([kept, torch.ones(1)]), torch.cat([noised, torch.zeros(1)])

    def _step(self, x: Tensor, v: Tensor, start: int, end: int) -> Tensor:
        """Return x after a deterministic (DDIM) step from level `start` to `end`; level -1 is the clean image."""
        clean = self.kept[start] * x - self.noised[start] * v
        noise = self.noised[start] * x + self.kept[start] * v
        return self.kept[end] * clean + self.noised[end] * noise

    @torch.no_grad()
    def _teacher_result(self, x: Tensor, levels: list[int], text: TextEmbeddings, sizes: Tensor) -> Tensor:
        """Return x after the guided teacher's steps over `levels`, with the LoRA switched off."""
        both = (
            torch.cat([torch.zeros_like(text[0]), text[0]]),
            torch.cat([torch.zeros_like(text[1]), text[1]]),
        )
        self.nano.unet.disable_adapters()
        for start, end in itertools.pairwise(levels):
            level = torch.full((2 * len(x),), start, device=x.device)
            plain, prompted = (
                self.nano(x.repeat(2, 1, 1, 1), level, both, sizes.repeat(2, 1)).float().chunk(2)
            )
            x = self._step(x, plain + TEACHER_GUIDANCE * (prompted - plain), start, end)
        self.nano.unet.enable_adapters()
        return x

    def loss(self, step: int) -> Tensor:
        """Return the mean square error against the v whose single step ends where the teacher ends."""
        random = np.random.default_rng([6, step])
        latent_set = self.library.large
        count = int(random.choice(list(TEACHER_STEPS)))
        grid = [round(1000 - 1000 * k / count) - 1 for k in range(count + 1)]
        k = int(random.integers(count))
        start, end = grid[k], grid[k + 1]
        picked = latent_set.sample_indices(catalog_odds(np.full(self.batch, start)), random)
        texts = [random_caption(latent_set.recipes[int(i)], random) for i in picked]
        levels = [round(level) for level in np.linspace(start, end, TEACHER_STEPS[count] + 1)]
        device = device_of(self.model)
        clean = torch.from_numpy(latent_set.latents[picked].astype(np.float32)).to(device)
        x = self.kept[start] * clean + self.noised[start] * torch.randn(clean.shape).to(device)
        height, width = clean.shape[2] * 8, clean.shape[3] * 8
        size = [height, width, 0, 0, height, width]
        sizes = torch.tensor([size] * self.batch, dtype=torch.float32, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                text = self.nano.text(torch.from_numpy(token_ids(self.tokenizer, texts)).to(device))
            goal = self._teacher_result(x, levels, text, sizes)
            made = self.nano(x, torch.full((self.batch,), start, device=device), text, sizes).float()
        a, s = self.kept[start], self.noised[start]
        b, t = self.kept[end], self.noised[end]
        wanted = (goal - (a * b + s * t) * x) / (t * a - b * s)
        error: Tensor = (made - wanted).square().mean()
        return error


OTHER_FORMATS_SHARE = 0.35  # share of steps with images of another format

ATTRIBUTE_LOSS_WEIGHT = (
    0.01  # weight of the attribute loss; the error of v is some ten times smaller than that loss
)

DENOISE_LEVEL_EXPONENT = 0.7  # below 1: more high noise levels, which decide the layout

# Noise levels between which the share of catalogue images rises. Below them the layout is visible through the
# noise, and a film needs any layout preserved. Above them the model chooses the layout: trained on one good layout
# it paints a product, trained on all of them it paints their mean, a blot.
LAYOUT_VISIBLE_LEVEL, LAYOUT_DECIDED_LEVEL = 500, 750

_PRODUCTS, _VIEWS = list(PRODUCTS), list(text.VIEW_PHRASES)


def catalog_odds(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability (n,) of choosing a catalogue image at each noise level (n,)."""
    return np.clip(
        (levels - LAYOUT_VISIBLE_LEVEL) / (LAYOUT_DECIDED_LEVEL - LAYOUT_VISIBLE_LEVEL), CATALOG_SHARE, 1.0
    )


class DenoiseTask:
    """Predict v for noisy latents from captions and sizes, and product and view from the UNet's middle block."""

    def __init__(
        self,
        nano: Nano,
        library: LatentLibrary,
        tokenizer: CLIPTokenizer,
        batch: int = 16,
        rate: float = 1.2e-3,
    ) -> None:
        self.model, self.library, self.tokenizer = nano, library, tokenizer
        self.batch = batch
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(nano.parameters(), rate, (0.9, 0.98), weight_decay=0.01, fused=True)
        ]

    def _noisy_batch(self, random: np.random.Generator) -> tuple[NoisyLatents, list[Recipe]]:
        """Return a random batch of noisy latents, and the recipes of its images."""
        latent_set = self.library.large
        if self.library.others and random.random() < OTHER_FORMATS_SHARE:
            latent_set = self.library.others[int(random.integers(len(self.library.others)))]
        cells = self.library.large.latents[0, 0].size / latent_set.latents[0, 0].size
        # Fewer images of a larger size, so that every step costs the same.
        levels = sample_levels(max(round(self.batch * min(cells, 1.0)), 1), DENOISE_LEVEL_EXPONENT, random)
        picked = latent_set.sample_indices(catalog_odds(levels), random)
        recipes = [latent_set.recipes[int(i)] for i in picked]
        return add_noise(latent_set.latents[picked], levels, device_of(self.model)), recipes

    def _tokens(self, recipes: list[Recipe], random: np.random.Generator) -> Tensor:
        texts = [text.random_caption(recipe, random) for recipe in recipes]
        for i in np.flatnonzero(random.random(len(texts)) < 0.08):
            texts[i] = "" if random.random() < 0.6 else text.random_negative_prompt(random)
        return torch.from_numpy(text.token_ids(self.tokenizer, texts))

    def _attribute_loss(self, recipes: list[Recipe]) -> Tensor:
        """Return the cross entropy (natural logarithm) of product and view, predicted from the UNet's middle block."""
        product, view = self.model.predicted_attributes()
        device = product.device
        products = torch.tensor([_PRODUCTS.index(recipe.product) for recipe in recipes], device=device)
        views = torch.tensor([_VIEWS.index(recipe.view.name()) for recipe in recipes], device=device)
        both: Tensor = cross_entropy(product.float(), products) + cross_entropy(view.float(), views)
        return both

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v plus a small share of the cross entropy of product and view."""
        random = np.random.default_rng([5, step])
        given, recipes = self._noisy_batch(random)
        device = device_of(self.model)
        tokens = self._tokens(recipes, random).to(device)
        hold = caption_mask(0.93, len(recipes), random, device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = self.model.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self.model(given.noisy, given.levels, text, size_conditions(given.noisy)).float()
            attribute_error = self._attribute_loss(recipes)
        error = (made - given.target).square().mean()
        loss: Tensor = error + ATTRIBUTE_LOSS_WEIGHT * attribute_error
        return loss


HINT_CHANNELS = (16, 32, 64, 96)  # channels of the layers that shrink the hint to the latents' size

# Ranges of canny's lower threshold (the gradient that continues an edge) and upper one (that begins an edge).
CANNY_THRESHOLDS = ((40, 90), (100, 200))

CONTROL_LEVEL_EXPONENT = 0.6  # below 1: more strong noise, where the edges help most


def build_controlnet(nano: Nano) -> ControlNetModel:
    """Return a ControlNet initialised from the UNet's encoder half; at first it changes nothing."""
    return ControlNetModel.from_unet(
        nano.unet, conditioning_channels=3, conditioning_embedding_out_channels=HINT_CHANNELS
    )


class ControlNetTask:
    """Predict v with the edges of the same image as a hint; the UNet itself is frozen."""

    def __init__(
        self,
        nano: Nano,
        library: LatentLibrary,
        images: ShardedImages,
        tokenizer: CLIPTokenizer,
        batch: int = 12,
    ) -> None:
        """`library.large` holds the latents of `images`, followed by those of their mirror images."""
        self.nano, self.library, self.images, self.tokenizer = nano, library, images, tokenizer
        self.batch = batch
        nano.requires_grad_(False)
        self.net = build_controlnet(nano).to(device_of(nano.unet))
        self.model: nn.Module = self.net
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.net.parameters(), 6e-4, (0.9, 0.98), fused=True)
        ]

    def _edges(self, index: int, random: np.random.Generator) -> NDArray[np.uint8]:
        """Return the edges (h, w, 3) of the image that latent `index` encodes."""
        image = self.images[index % len(self.images)]
        low, high = (int(random.integers(*ends)) for ends in CANNY_THRESHOLDS)
        edges = canny_hint(np.ascontiguousarray(image), low, high)
        return edges if index < len(self.images) else edges[:, ::-1]

    def loss(self, step: int) -> Tensor:
        """Return the mean square error of v; a third of the images have no caption, so that the edges must suffice."""
        random = np.random.default_rng([10, step])
        latent_set, device = self.library.large, device_of(self.model)
        picked = latent_set.sample_indices(np.full(self.batch, CATALOG_SHARE), random)
        hints = np.stack([self._edges(int(i), random) for i in picked])
        hint = torch.from_numpy(hints.astype(np.float32) / 255).permute(0, 3, 1, 2).to(device)
        texts = [random_caption(latent_set.recipes[int(i)], random) for i in picked]
        tokens = torch.from_numpy(token_ids(self.tokenizer, texts)).to(device)
        hold = caption_mask(0.67, self.batch, random, device)
        given = add_noise(
            latent_set.latents[picked], sample_levels(self.batch, CONTROL_LEVEL_EXPONENT, random), device
        )
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                embeds, pooled = self.nano.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self._predict(given.noisy, given.levels, text, hint)
        return (made.float() - given.target).square().mean()

    def _predict(self, noisy: Tensor, levels: Tensor, text: tuple[Tensor, Tensor], hint: Tensor) -> Tensor:
        extra = {"text_embeds": text[1], "time_ids": size_conditions(noisy)}
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
