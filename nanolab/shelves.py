"""Encoded pictures and what they show, as the lessons take them from the shelf."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nanolab.recipes import Recipe

CATALOGUE = 0.15  # share of catalogue pictures among what is picked, where nothing else is asked


@dataclass(frozen=True)
class Shelf:
    """Encoded pictures of one size and what they show."""

    latents: NDArray[np.float16]  # (n, 4, h/8, w/8): the pictures, then the mirror image of each
    recipes: list[Recipe]

    def pick(self, odds: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64]:
        """Indices (n,) of pictures, with odds (n,) of being a catalogue's each; else tilted, small, off centre."""
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
        """Where the catalogue's pictures stand, none of them mirrored, and where all that are not of it."""
        half = len(self.recipes) // 2
        usual = np.array([recipe.spread < 1.0 for recipe in self.recipes])
        return np.flatnonzero(usual[:half]), np.flatnonzero(~usual)


@dataclass(frozen=True)
class Library:
    """The shelves that the lesson reads."""

    large: Shelf  # 256×256
    others: tuple[Shelf, ...] = ()  # further formats
