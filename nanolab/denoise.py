"""Training of the UNet and text encoders: predict v on latents of several formats."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import CLIPTokenizer

from nanolab import text as captions
from nanolab import words
from nanolab.model import Nano
from nanolab.noising import Noised, noised, sizes, spoken, spread
from nanolab.products import PRODUCTS
from nanolab.recipes import Recipe
from nanolab.shelves import CATALOGUE, Library
from nanolab.trainer import place

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
        return torch.from_numpy(words.ids(self.tokenizer, texts))

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
