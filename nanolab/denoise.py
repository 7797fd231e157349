"""The UNet's lesson: predict v on latents of several formats."""

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

OTHERS = 0.35  # share of steps with pictures of another format
TELLING = 0.01  # weight of what is told, beside the error of v, which is some ten times smaller
LEAN = 0.7  # towards the high noise levels, which decide the layout
# Noise levels between which pictures are more and more a catalogue's. Below, the layout shows through the
# noise, and a film needs it kept, whatever it is; above, the model decides it, and one good layout learnt well
# makes a product where the mean of all layouts makes a blot.
SEEN, DECIDED = 500, 750
_PRODUCTS, _VIEWS = list(PRODUCTS), list(captions.VIEW)


def usual(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The odds (n,) of a catalogue's picture at each noise level (n,)."""
    return np.clip((levels - SEEN) / (DECIDED - SEEN), CATALOGUE, 1.0)


class DenoiseLesson:
    """Predict v for noisy latents, given words and sizes; tell product and view in the middle of it."""

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
        """Latents in noise, and what they show."""
        shelf = self.library.large
        if self.library.others and random.random() < OTHERS:
            shelf = self.library.others[int(random.integers(len(self.library.others)))]
        cells = self.library.large.latents[0, 0].size / shelf.latents[0, 0].size
        # Larger pictures, fewer of them: a step costs the same.
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
        """How badly the middle of the UNet told what is shown, and from where: cross entropy, natural logarithm."""
        product, view = self.model.told()
        device = product.device
        products = torch.tensor([_PRODUCTS.index(recipe.product) for recipe in recipes], device=device)
        views = torch.tensor([_VIEWS.index(recipe.view.word()) for recipe in recipes], device=device)
        both: Tensor = cross_entropy(product.float(), products) + cross_entropy(view.float(), views)
        return both

    def loss(self, step: int) -> Tensor:
        """Mean square error of v, and a little of what was not told."""
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
