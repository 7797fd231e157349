"""Hires fix: compose an image at the model's native size, then enlarge it and paint over it at the film's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from animator.frame import Frame, Image, Mask
from animator.imaging.enlarge import resized
from animator.models import samplers
from animator.scene.size import Pixels


class Hires:
    """A painter that composes frames beyond the model's native size at that size first.

    They are then enlarged and painted over with strength `painting.hires`. Frames painted over at a low strength
    keep the composition of the image below, and masked ones that of their surroundings: these are painted in one
    pass at the film's size.
    """

    def __init__(self, paint: Any, size: Pixels, native: int) -> None:
        """`paint`: SDXL for a film of that size; `native`: side in pixels of the square its model was trained on."""
        self.paint, self.size, self.native = paint, size, native
        self.small = paint.sized(*size.within(native))
        self.home: str = paint.home

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.hinted(frame, start, {})

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        return self.hinted(frame, start, {}, mask)

    def hinted(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        over = start
        if self._lays_out(frame, start) and (start is None or mask is None):
            small = {name: self._small(hint) for name, hint in hints.items()}
            over = self._large(self.small.hinted(frame, self._small(start), small), start)
            frame = _over(frame)
        painted: Image = self.paint.hinted(frame, over, hints, None if start is None else mask)
        return painted

    def kept(self, frame: Frame, start: Any) -> Any:
        if not self._lays_out(frame, start):
            return self.paint.kept(frame, start)
        below = None if start is None else self._small(np.asarray(start))
        return self.paint.kept(_over(frame), self._large(self.small(frame, below), start))

    def batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]:
        frame, start = wanted[0]  # the others differ in seed and prompt only
        if self._lays_out(frame, start):
            small = self.small.batch([(frame, self._small(start)) for frame, start in wanted])
            large = [self._large(painting, start) for painting, (_, start) in zip(small, wanted, strict=True)]
            wanted = [(_over(frame), picture) for (frame, _), picture in zip(wanted, large, strict=True)]
        painted: list[Image] = self.paint.batch(wanted)
        return painted

    def _lays_out(self, frame: Frame, start: Any) -> bool:
        """Return True if painting `frame` over `start` composes a new image larger than the model's native size."""
        strength = 1.0 if start is None else frame.painting.strength
        beyond = self._size(start).beyond(self.native)
        return beyond and frame.painting.hires > 0 and samplers.lays_out(strength)

    def _size(self, start: Any) -> Pixels:
        return self.size if start is None else Pixels(start.shape[1], start.shape[0])

    def _small(self, picture: Any) -> Any:
        return None if picture is None else resized(picture, *self._size(picture).within(self.native))

    def _large(self, picture: Image, start: Any) -> Image:
        return resized(picture, *self._size(start))


def _over(frame: Frame) -> Frame:
    """Return `frame` with the strength of the second pass, over the enlarged image."""
    return replace(frame, painting=replace(frame.painting, strength=frame.painting.hires))
