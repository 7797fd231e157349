"""Sources of masks: drawn once, keyed from the first image, or read from a video."""

from __future__ import annotations

from collections.abc import Callable

from animator.errors import RunError
from animator.frame import Image, Mask
from animator.imaging.io import Film
from animator.imaging.mask_film import decode, unpack
from animator.imaging.masks import soften


class Still:
    """One mask for the whole film, feathered by `reach` pixels to either side of its edge."""

    def __init__(self, mask: Mask, reach: float) -> None:
        self.mask = soften(mask, reach)

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's signature)
        return self.mask


class Keyed:
    """Mask that `key` makes of the shot's first image, feathered by `reach` pixels; None until that is painted."""

    def __init__(self, key: Callable[[Image], Mask], reach: float) -> None:
        self.key, self.reach = key, reach
        self._mask: Mask | None = None

    def __call__(self, frame: int, first: Image | None) -> Mask | None:  # noqa: ARG002 (a source's signature)
        if self._mask is None and first is not None:
            self._mask = soften(self.key(first), self.reach)
        return self._mask


class Played:
    """Mask from a video: the grey of its image at the time of each frame, feathered by `reach` pixels.

    At most `frames` images are decoded, when the first mask is asked for. After the last one the video starts again
    if `loop`, and else the last one stays. Raises RunError if the video can no longer be read.
    """

    def __init__(self, film: Film, frames: int, loop: bool, reach: float) -> None:
        self.film, self.frames, self.loop, self.reach = film, frames, loop, reach
        self._packed: list[bytes] = []

    def __call__(self, frame: int, first: Image | None) -> Mask:  # noqa: ARG002 (a source's signature)
        if not self._packed:
            try:
                self._packed = decode(self.film, self.frames)
            except ValueError as error:
                raise RunError(f"{self.film.file} can no longer be used as a mask: {error}") from error
        count = len(self._packed)
        return soften(unpack(self._packed[frame % count if self.loop else min(frame, count - 1)]), self.reach)
