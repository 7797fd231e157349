"""The products: functions that return random shapes, standing on the floor, front towards +z.

Thin parts are thicker than in reality: details under three pixels do not survive an f8 VAE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanolab.devices import headphones, scooter, speaker, watch
from nanolab.home import bottle, chair, lamp, mug
from nanolab.shapes import Draw, Shape, extent


@dataclass(frozen=True)
class Product:
    """A product to draw: its name and its solid shapes."""

    name: str
    shapes: tuple[Shape, ...]

    def rows(self) -> NDArray[np.float32]:
        """Return the shapes as float32 (n, 25) for the tracer."""
        return np.stack([shape.row for shape in self.shapes])

    def extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper corner (3 each) of the product's bounding box."""
        return extent(list(self.shapes))


PRODUCTS: dict[str, Callable[[Draw], list[Shape]]] = {
    "bottle": bottle,
    "mug": mug,
    "desk lamp": lamp,
    "speaker": speaker,
    "headphones": headphones,
    "electric scooter": scooter,
    "wrist watch": watch,
    "chair": chair,
}


class _Near:
    """Random source that stays closer to the middle of every range and takes the likelier of two variants."""

    def __init__(self, random: np.random.Generator, spread: float) -> None:
        self._random, self._spread = random, spread

    def uniform(self, low: float, high: float) -> float:
        away = self._random.uniform(-0.5, 0.5) * self._spread
        return low + (high - low) * (0.5 + away)

    def random(self) -> float:
        return 0.5


def make(name: str, seed: int, spread: float = 1.0) -> Product:
    """Return a product with the proportions of a seed; `spread` (0..1): how far they vary from the middle."""
    random = np.random.default_rng([seed, list(PRODUCTS).index(name)])
    return Product(name, tuple(PRODUCTS[name](random if spread == 1.0 else _Near(random, spread))))
