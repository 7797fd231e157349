"""The UNet's lesson: predict v on latents, first small and cropped, then at full size in several formats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPTokenizer

from animator.nano import captions, words
from animator.nano.drawing import Recipe
from animator.nano.model import Nano, alphas
from animator.nano.training import place

Sizes = tuple[int, int, int, int, int, int]


WILD = 0.35  # how often a tilted or small product is learnt, for each calm one


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
    small: Shelf  # 128×128: the pictures at half size; empty for a course without small steps
    others: tuple[Shelf, ...] = ()  # further formats


@dataclass(frozen=True)
class Course:
    """Pictures per step, and when they grow."""

    small_batch: int = 64
    large_batch: int = 16
    grow: float = 0.15  # share of the steps before the first full-size step
    grown: float = 0.8  # share of the steps from which all are full-size; in between ever more are

    def share(self, progress: float) -> float:
        """Share of full-size steps when this share of the lesson is done; it starts at 0.3."""
        if progress < self.grow:
            return 0.0
        if progress >= self.grown:
            return 1.0
        return 0.3 + 0.7 * (progress - self.grow) / (self.grown - self.grow)


ONWARD = Course(grow=0.0, grown=0.0)  # for weights that have been through the small steps


class DenoiseLesson:
    """Predict v for noisy latents, given words and sizes."""

    def __init__(
        self, nano: Nano, library: Library, tokenizer: CLIPTokenizer, steps: int, course: Course
    ) -> None:
        self.model, self.library, self.tokenizer = nano, library, tokenizer
        self.steps, self.course = steps, course
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(nano.parameters(), 1.2e-3, (0.9, 0.98), weight_decay=0.01, fused=True)
        ]
        self.kept, self.noised = alphas()

    def _small(
        self, count: int, random: np.random.Generator
    ) -> tuple[NDArray[np.float16], list[Recipe], list[Sizes]]:
        """Half whole pictures at 128, half windows of 128 cut from pictures at 256."""
        pictures, recipes, sizes = [], [], []
        for i in range(count):
            shelf = self.library.small if i % 2 else self.library.large
            index = int(random.integers(len(shelf.recipes)))
            latent = shelf.latents[index]
            room = latent.shape[-1] - 16
            y, x = int(random.integers(room + 1)), int(random.integers(room + 1))
            pictures.append(latent[:, y : y + 16, x : x + 16])
            recipes.append(shelf.recipes[index])
            whole = 256 if room else 128
            sizes.append((whole, whole, y * 8, x * 8, 128, 128))
        return np.stack(pictures), recipes, sizes

    def _large(
        self, count: int, random: np.random.Generator
    ) -> tuple[NDArray[np.float16], list[Recipe], list[Sizes]]:
        shelf = self.library.large
        if self.library.others and random.random() < 0.35:
            shelf = self.library.others[int(random.integers(len(self.library.others)))]
        cells = self.library.large.latents[0, 0].size / shelf.latents[0, 0].size
        count = max(
            round(count * min(cells, 1.0)), 1
        )  # larger pictures, fewer of them: a step costs the same
        picked = shelf.pick(count, random)
        height, width = (8 * side for side in shelf.latents.shape[2:])
        recipes = [shelf.recipes[int(i)] for i in picked]
        return shelf.latents[picked], recipes, [(height, width, 0, 0, height, width)] * count

    def _tokens(self, recipes: list[Recipe], random: np.random.Generator) -> Tensor:
        texts = [captions.caption(recipe, random) for recipe in recipes]
        for i in np.flatnonzero(random.random(len(texts)) < 0.08):
            texts[i] = "" if random.random() < 0.6 else captions.complaint(random)
        return torch.from_numpy(words.ids(self.tokenizer, texts))

    def _levels(self, count: int, high: bool, random: np.random.Generator) -> Tensor:
        """Noise levels spread over 0..999; at full size leaning to the high ones, which decide the layout."""
        spread = (np.arange(count) + random.random(count)) / count
        levels = spread**0.75 if high else spread
        return torch.from_numpy((levels * 1000).astype(np.int64).clip(0, 999))

    def loss(self, step: int) -> Tensor:
        """Mean square error of v, weighted by min(SNR, 5)/(SNR + 1) + 0.5."""
        random = np.random.default_rng([5, step])
        large = random.random() < self.course.share(step / self.steps)
        take = self._large if large else self._small
        latents, recipes, sizes = take(self.course.large_batch if large else self.course.small_batch, random)
        device = place(self.model)
        clean = torch.from_numpy(latents.astype(np.float32)).to(device)
        levels = self._levels(len(clean), large, random).to(device)
        kept, noised = (table.to(device)[levels].view(-1, 1, 1, 1) for table in (self.kept, self.noised))
        noise = torch.randn(clean.shape).to(device)  # drawn on the CPU: the same lesson on every machine
        tokens = self._tokens(recipes, random).to(device)
        hold = torch.from_numpy((random.random(len(clean)) > 0.07).astype(np.float32)).to(device)
        size = torch.tensor(sizes, dtype=torch.float32, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = self.model.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self.model(kept * clean + noised * noise, levels, text, size)
        error = (made.float() - (kept * noise - noised * clean)).square().mean((1, 2, 3))
        ratio = (kept / noised).square().flatten()
        weight = ratio.clamp(max=5.0) / (ratio + 1) + 0.5  # shapes are decided where the SNR is small
        weighted: Tensor = (error * weight).mean()
        return weighted
