"""A film's images in the order a file shows them, read from the disk one by one."""

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
    """Frames in the order they are shown; a frame may come more than once.

    `look` returns the image of a frame: RGB uint8 (height, width, 3), or RGBA with `alpha`. `seconds`:
    duration of the whole.
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
        """Number of pixels of all images together."""
        return self.width * self.height * len(self)

    def every(self, number: int) -> Reel:
        """Return a reel of every `number`-th image, each shown longer; the duration stays."""
        return self if number == 1 else replace(self, order=self.order[::number], fps=self.fps / number)

    def smaller(self, scale: float) -> Reel:
        """Return a reel whose images are scaled by `scale`."""
        if scale == 1:
            return self
        width, height = (max(1, round(side * scale)) for side in (self.width, self.height))
        return replace(
            self, width=width, height=height, look=partial(_scaled, look=self.look, size=(width, height))
        )

    def only(self, order: Sequence[int]) -> Reel:
        """Return a reel of other frames of this film."""
        return replace(self, order=order, seconds=len(order) / self.fps)

    def durations(self, unit: float) -> list[int]:
        """Return the duration of each image in units of `unit` seconds: integers whose errors never add up."""
        ends = [min(number / self.fps, self.seconds) for number in range(1, len(self))]
        times = [0, *(round(end / unit) for end in ends), round(self.seconds / unit)]
        return [max(1, after - before) for before, after in pairwise(times)]

    def __str__(self) -> str:
        return f"{len(self)} frames of {self.width}x{self.height} at {self.fps:.3g} fps"


def _scaled(index: int, look: Callable[[int], Picture], size: tuple[int, int]) -> Picture:
    return scaled(look(index), *size)
