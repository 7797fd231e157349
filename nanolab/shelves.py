"""Encoded training images with their recipes, and sampling from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nanolab.recipes import Recipe

CATALOGUE = 0.15  # default share of catalogue images in a batch


@dataclass(frozen=True)
class Shelf:
    """Latents of images of one size, and their recipes."""

    latents: NDArray[np.float16]  # (n, 4, h/8, w/8): the images, then the mirror image of each
    recipes: list[Recipe]

    def pick(self, odds: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
        """Return random indices (n,): a catalogue image with probability `odds` (n,), else one of the free views."""
        usual, free = self._sorts
        if not len(usual) or not len(free):
            return random.integers(len(self.recipes), size=len(odds))
        places = random.random(len(odds))
        picked = np.where(
            random.random(len(odds)) < odds,
            usual[(places * len(usual)).astype(int)],
            free[(places * len(free)).astype(int)],
        )
        return np.asarray(picked, np.int64)

    @cached_property
    def _sorts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the catalogue images, without their mirror images, and of all others."""
        half = len(self.recipes) // 2
        usual = np.array([recipe.spread < 1.0 for recipe in self.recipes])
        return np.flatnonzero(usual[:half]), np.flatnonzero(~usual)


@dataclass(frozen=True)
class Library:
    """Latents of all formats that training uses."""

    large: Shelf  # 256×256
    others: tuple[Shelf, ...] = ()  # further formats
