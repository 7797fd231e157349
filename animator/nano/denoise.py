"""The UNet's lesson: predict v on latents of several formats."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import CLIPTokenizer

from animator.nano import captions, words
from animator.nano.drawing import Recipe
from animator.nano.model import Nano, alphas
from animator.nano.noising import noised, sizes, spoken
from animator.nano.products import PRODUCTS
from animator.nano.shelves import Library
from animator.nano.training import place
from animator.nano.tutor import Tutor

OTHERS = 0.2  # share of steps with pictures of another format
TELLING = 0.01  # weight of what is told, beside the error of v, which is some ten times smaller
LEAN = 0.85  # towards the high noise levels, which decide the layout
HEEDING = 0.015  # weight of the tutor's marks: with three times as much, pictures turned spotty
BLURRED = 700  # noise level from which the tutor looks: below it, the picture shows through without any words
# Euler's first steps of eight, spaced as the scheduler does: they decide the layout.
OWN_STEPS = (999, 874, 749)
_PRODUCTS, _VIEWS = list(PRODUCTS), list(captions.VIEW)


class DenoiseLesson:
    """Predict v for noisy latents, given words and sizes; tell product and view in the middle of it.

    With a tutor, the pictures that come of it, and of the model's own noise, are to be recognised too.
    """

    def __init__(
        self,
        nano: Nano,
        library: Library,
        tokenizer: CLIPTokenizer,
        batch: int = 16,
        rate: float = 1.2e-3,
        tutor: Tutor | None = None,
    ) -> None:
        self.model, self.library, self.tokenizer = nano, library, tokenizer
        self.batch, self.tutor = batch, tutor
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(nano.parameters(), rate, (0.9, 0.98), weight_decay=0.01, fused=True)
        ]
        self.kept, self.noised = alphas()

    def _pictures(self, random: np.random.Generator) -> tuple[NDArray[np.float16], list[Recipe]]:
        shelf = self.library.large
        if self.library.others and random.random() < OTHERS:
            shelf = self.library.others[int(random.integers(len(self.library.others)))]
        cells = self.library.large.latents[0, 0].size / shelf.latents[0, 0].size
        # Larger pictures, fewer of them: a step costs the same.
        picked = shelf.pick(max(round(self.batch * min(cells, 1.0)), 1), random)
        return shelf.latents[picked], [shelf.recipes[int(i)] for i in picked]

    def _tokens(self, recipes: list[Recipe], random: np.random.Generator) -> Tensor:
        texts = [captions.caption(recipe, random) for recipe in recipes]
        for i in np.flatnonzero(random.random(len(texts)) < 0.08):
            texts[i] = "" if random.random() < 0.6 else captions.complaint(random)
        return torch.from_numpy(words.ids(self.tokenizer, texts))

    def _untold(self, recipes: list[Recipe]) -> Tensor:
        """How badly the middle of the UNet told what is shown, and from where: cross entropy, natural logarithm."""
        product, view = self.model.told()
        device = product.device
        products = torch.tensor([_PRODUCTS.index(recipe.product) for recipe in recipes], device=device)
        views = torch.tensor([_VIEWS.index(recipe.view.word()) for recipe in recipes], device=device)
        both: Tensor = cross_entropy(product.float(), products) + cross_entropy(view.float(), views)
        return both

    def loss(self, step: int) -> Tensor:
        """Mean square error of v, weighted by min(SNR, 5)/(SNR + 1) + 0.5, and a little of what was not told.

        And of what the tutor did not recognise: each step in the pictures behind noise, and every other one in
        the model's own.
        """
        random = np.random.default_rng([5, step])
        latents, recipes = self._pictures(random)
        device = place(self.model)
        given = noised(latents, LEAN, random, device)
        tokens = self._tokens(recipes, random).to(device)
        hold = spoken(0.93, len(recipes), random, device)
        with torch.autocast(device.type, torch.bfloat16):
            embeds, pooled = self.model.text(tokens)
            text = (embeds * hold.view(-1, 1, 1), pooled * hold.view(-1, 1))
            made = self.model(given.noisy, given.levels, text, sizes(given.noisy)).float()
            untold = self._untold(recipes)
        error = (made - given.wanted).square().mean((1, 2, 3))
        ratio = (given.kept / given.noise).square().flatten()
        weight = ratio.clamp(max=5.0) / (ratio + 1) + 0.5  # shapes are decided where the SNR is small
        weighted: Tensor = (error * weight).mean() + TELLING * untold
        if self.tutor is None:
            return weighted
        said = tokens[:, 1] != tokens[:, 2]  # an empty prompt is padding from the second token on
        heard = ((hold > 0) & said & (given.levels >= BLURRED)).tolist()
        seen = self.tutor.mark(given.clean(made), recipes, heard)
        own = self._own(self.tutor, random) if step % 2 == 0 else 0.0
        return weighted + HEEDING * (0.5 * seen + own)

    def _own(self, tutor: Tutor, random: np.random.Generator) -> Tensor:
        """The tutor's mark for what the model makes of noise in up to three steps, the last of which learns."""
        device, count = place(self.model), self.batch // 2
        picked = self.library.large.pick(count, random)
        recipes = [self.library.large.recipes[int(i)] for i in picked]
        texts = [captions.caption(r, random) if random.random() < 0.5 else captions.plain(r) for r in recipes]
        tokens = torch.from_numpy(words.ids(self.tokenizer, texts)).to(device)
        noisy = torch.randn((count, *self.library.large.latents.shape[1:])).to(device)
        size = sizes(noisy)
        last = int(random.integers(len(OWN_STEPS)))
        with torch.autocast(device.type, torch.bfloat16):
            text = self.model.text(tokens)
            with torch.no_grad():
                quiet = (text[0].detach(), text[1].detach())
                for level, after in itertools.pairwise(OWN_STEPS[: last + 1]):
                    clean, noise = self._parted(noisy, level, quiet, size)
                    noisy = self.kept[after] * clean + self.noised[after] * noise
            clean, _ = self._parted(noisy, OWN_STEPS[last], text, size)
        return tutor.mark(clean, recipes, [True] * count)

    def _parted(
        self, noisy: Tensor, level: int, text: tuple[Tensor, Tensor], size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The picture and the noise that the model sees in noisy latents."""
        levels = torch.full((len(noisy),), level, device=noisy.device)
        made = self.model(noisy, levels, text, size).float()
        kept, noised = float(self.kept[level]), float(self.noised[level])
        return kept * noisy - noised * made, noised * noisy + kept * made
