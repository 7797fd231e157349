"""Encoded pictures and what they show, as the lessons take them from the shelf."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from animator.nano.drawing import Recipe

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
    others: tuple[Shelf, ...] = ()  # further formats
