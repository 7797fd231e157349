"""Where masks come from: drawn once, keyed from the first picture, or played from a video."""

from __future__ import annotations

from collections.abc import Callable

from animator.errors import RunError
from animator.frame import Image, Mask
from animator.imaging.io import Film
from animator.imaging.mask_film import decode, unpack
from animator.imaging.masks import soften


class Still:
    """One mask for the whole film; its edge spread over `reach` pixels to either side."""

    def __init__(self, mask: Mask, reach: float) -> None:
        self.mask = soften(mask, reach)

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's shape)
        return self.mask


class Keyed:
    """The mask that `key` finds in the film's first picture."""

    def __init__(self, key: Callable[[Image], Mask], reach: float) -> None:
        self.key, self.reach = key, reach
        self._mask: Mask | None = None

    def __call__(self, frame: int, first: Image | None) -> Mask | None:  # noqa: ARG002 (a source's shape)
        if self._mask is None and first is not None:
            self._mask = soften(self.key(first), self.reach)
        return self._mask


class Played:
    """A video's grey: its picture at the time of each frame, read when the first one is wanted."""

    def __init__(self, film: Film, frames: int, loop: bool, reach: float) -> None:
        self.film, self.frames, self.loop, self.reach = film, frames, loop, reach
        self._packed: list[bytes] = []

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's shape)
        if not self._packed:
            try:
                self._packed = decode(self.film, self.frames)
            except ValueError as error:
                raise RunError(f"{self.film.file} can no longer be used as a mask: {error}") from error
        count = len(self._packed)
        return soften(unpack(self._packed[frame % count if self.loop else min(frame, count - 1)]), self.reach)
