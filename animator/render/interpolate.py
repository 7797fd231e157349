"""Interpolate additional frames for a video with a higher frame rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from animator.frame import Image

Betweens = Callable[[Image, Image, Sequence[float]], Iterable[Image]]  # old, new, weights of the new one


class Interpolated:
    """Multiplies the frame rate of a film by `times`; `betweens` makes the images between two frames.

    Nothing is interpolated across a cut: the image before it is repeated, and so is the last one, unless the film
    `closes`, which interpolates from the last image to the first. A film of n frames gives n * times images.
    """

    def __init__(self, times: int, betweens: Betweens, closes: bool) -> None:
        self.betweens, self.closes, self.times = betweens, closes, times
        self.weights = [step / times for step in range(1, times)]

    def __call__(self, film: Iterable[tuple[Image, bool]]) -> Iterator[Image]:
        """Yield the images of `film` and those between; each item of it is an image and a flag for a cut before it."""
        first: Image | None = None
        last: Image | None = None
        for picture, begins in film:
            if last is not None:
                yield from self._after(last, None if begins else picture)
            first = picture if first is None else first
            yield picture
            last = picture
        if last is not None:
            yield from self._after(last, first if self.closes else None)

    def _after(self, picture: Image, following: Image | None) -> Iterable[Image]:
        if following is None or (following is picture) or (following == picture).all():
            return [picture] * len(self.weights)
        return self.betweens(picture, following, self.weights)
