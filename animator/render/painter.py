"""Hires fix: what a picture shows is decided in the size that the model knows, and painted over in the film's."""

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
    """A painter whose paintings beyond the model's size are laid out at that size, where they lay anything out.

    Then they are made larger and painted over with `painting.hires`. What is painted gently keeps its shapes, and
    what is painted by a mask has them around it: such paintings are painted at once.
    """

    def __init__(self, paint: Any, size: Pixels, native: int) -> None:
        """`paint`: Sdxl for a film of that size, `native`: width in pixels of the square its model was trained on."""
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
        frame, start = wanted[0]  # which differs from the others in seed and prompt only
        if self._lays_out(frame, start):
            small = self.small.batch([(frame, self._small(start)) for frame, start in wanted])
            large = [self._large(painting, start) for painting, (_, start) in zip(small, wanted, strict=True)]
            wanted = [(_over(frame), picture) for (frame, _), picture in zip(wanted, large, strict=True)]
        painted: list[Image] = self.paint.batch(wanted)
        return painted

    def _lays_out(self, frame: Frame, start: Any) -> bool:
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
    """`frame` as its larger picture is painted over."""
    return replace(frame, painting=replace(frame.painting, strength=frame.painting.hires))
