"""The UNet's lesson: predict v on latents of several formats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import CLIPTokenizer

from animator.nano import captions, words
from animator.nano.drawing import Recipe
from animator.nano.model import Nano, alphas
from animator.nano.products import PRODUCTS
from animator.nano.training import place

WILD = 0.35  # how often a tilted or small product is learnt, for each calm one
OTHERS = 0.2  # share of steps with pictures of another format
TELLING = 0.01  # weight of what is told, beside the error of v, which is some ten times smaller
_PRODUCTS, _VIEWS = list(PRODUCTS), list(captions.VIEW)


@dataclass(frozen=True)
class Shelf:
    """Encoded pictures of one size and what they show."""

    latents: NDArray[np.float16]  # (n, 4, h/8, w/8)
    recipes: list[Recipe]

    def pick(self, count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Indices of pictures; calm views, as people ask for them, more often than the tilted and the small."""
        rungs = random.random(count) * self._ladder[-1]
        return np.asarray(np.searchsorted(self._ladder, rungs, side="right"), np.int64)

    @cached_property
    def _ladder(self) -> NDArray[np.float64]:
        views = [recipe.view for recipe in self.recipes]
        calm = [abs(view.roll) < 12 and view.scale > 0.72 for view in views]
        return np.cumsum(np.where(calm, 1.0, WILD))


@dataclass(frozen=True)
class Library:
    """The shelves that the lesson reads."""

    large: Shelf  # 256×256
    others: tuple[Shelf, ...] = ()  # further formats


class DenoiseLesson:
    """Predict v for noisy latents, given words and sizes; and tell product and view in the middle of it."""

    def __init__(
        self, nano: Nano, library: Library, tokenizer: CLIPTokenizer, batch: int = 16, rate: float = 1.2e-3
    ) -> None:
        self.model, self.library, self.tokenizer, self.batch = nano, library, tokenizer, batch
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(nano.parameters(), rate, (0.9, 0.98), weight_decay=0.01, fused=True)
        ]
        self.kept, self.noised = alphas()

    def _pictures(
        self, random: np.random.Generator
    ) -> tuple[NDArray[np.float16], list[Recipe], tuple[int, ...]]:
        shelf = self.library.large
        if self.library.others and random.random() < OTHERS:
            shelf = self.library.others[int(random.integers(len(self.library.others)))]
        cells = self.library.large.latents[0, 0].size / shelf.latents[0, 0].size
        # Larger pictures, fewer of them: a step costs the same.
        picked = shelf.pick(max(round(self.batch * min(cells, 1.0)), 1), random)
        height, width = (8 * side for side in shelf.latents.shape[2:])
        recipes = [shelf.recipes[int(i)] for i in picked]
        return shelf.latents[picked], recipes, (height, width, 0, 0, height, width)

    def _tokens(self, recipes: list[Recipe], random: np.random.Generator) -> Tensor:
        texts = [captions.caption(recipe, random) for recipe in recipes]
        for i in np.flatnonzero(random.random(len(texts)) < 0.08):
            texts[i] = "" if random.random() < 0.6 else captions.complaint(random)
        return torch.from_numpy(words.ids(self.tokenizer, texts))

    def _levels(self, count: int, random: np.random.Generator) -> Tensor:
        """Noise levels spread over 0..999, leaning to the high ones, which decide the layout."""
        spread = (np.arange(count) + random.random(count)) / count
        return torch.from_numpy((spread**0.85 * 1000).astype(np.int64).clip(0, 999))

    def _untold(self, recipes: list[Recipe]) -> Tensor:
        """How badly the middle of the UNet told what is shown, and from where: cross entropy, natural logarithm."""
        product, view = self.model.told()
        device = product.device
        products = torch.tensor([_PRODUCTS.index(recipe.product) for recipe in recipes], device=device)
        views = torch.tensor([_VIEWS.index(recipe.view.word()) for recipe in recipes], device=device)
        both: Tensor = cross_entropy(product.float(), products) + cross_entropy(view.float(), views)
        return both

    def loss(self, step: int) -> Tensor:
        """Mean square error of v, weighted by min(SNR, 5)/(SNR + 1) + 0.5, and a little of what was not told."""
        random = np.random.default_rng([5, step])
        latents, recipes, sizes = self._pictures(random)
        device = place(self.model)
        clean = torch.from_numpy(latents.astype(np.float32)).to(device)
        levels = self._levels(len(clean), random).to(device)
        kept, noised = (table.to(device)[levels].view(-1, 1, 1, 1) for table in (self.kept, self.noised))
        noise = torch.randn(clean.shape).to(device)  # drawn on the CPU: the same lesson on every machine
        tokens = self._tokens(recipes, random).to(device)
        hold = torch.from_numpy((random.random(len(clean)) > 0.07).astype(np.float32)).to(device)
        size = torch.tensor([sizes] * len(clean), dtype=torch.float32, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = self.model.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self.model(kept * clean + noised * noise, levels, text, size)
            untold = self._untold(recipes)
        error = (made.float() - (kept * noise - noised * clean)).square().mean((1, 2, 3))
        ratio = (kept / noised).square().flatten()
        weight = ratio.clamp(max=5.0) / (ratio + 1) + 0.5  # shapes are decided where the SNR is small
        weighted: Tensor = (error * weight).mean() + TELLING * untold
        return weighted
