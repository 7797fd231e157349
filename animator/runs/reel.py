"""A film's pictures as a file shows them, read from the disk one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from animator.imaging.resize import scaled

Picture = NDArray[np.uint8]  # RGB (height, width, 3) or RGBA (height, width, 4)


@dataclass(frozen=True)
class Reel:
    """Pictures in the order they are shown in, which may come more than once.

    `look` gives the picture of a frame; `seconds` is how long all of them take.
    """

    order: Sequence[int]
    look: Callable[[int], Picture]
    width: int
    height: int
    fps: float
    seconds: float
    alpha: bool = False

    def __iter__(self) -> Iterator[Picture]:
        return map(self.look, self.order)

    def __len__(self) -> int:
        return len(self.order)

    @property
    def pixels(self) -> int:
        """Of all pictures together."""
        return self.width * self.height * len(self)

    def every(self, number: int) -> Reel:
        """Only every so many pictures, each of them for longer; it ends when the whole does."""
        return self if number == 1 else replace(self, order=self.order[::number], fps=self.fps / number)

    def smaller(self, scale: float) -> Reel:
        """The same pictures at a part of their size."""
        if scale == 1:
            return self
        width, height = (max(1, round(side * scale)) for side in (self.width, self.height))
        return replace(
            self, width=width, height=height, look=partial(_scaled, look=self.look, size=(width, height))
        )

    def only(self, order: Sequence[int]) -> Reel:
        """Other frames of the same film."""
        return replace(self, order=order, seconds=len(order) / self.fps)

    def durations(self, unit: float) -> list[int]:
        """How long each picture stays, in `unit` seconds: whole numbers that never drift from the true times."""
        ends = [min(number / self.fps, self.seconds) for number in range(1, len(self))]
        times = [0, *(round(end / unit) for end in ends), round(self.seconds / unit)]
        return [max(1, after - before) for before, after in pairwise(times)]

    def __str__(self) -> str:
        return f"{len(self)} pictures of {self.width}x{self.height}, {self.fps:.3g} a second"


def _scaled(index: int, look: Callable[[int], Picture], size: tuple[int, int]) -> Picture:
    return scaled(look(index), *size)
