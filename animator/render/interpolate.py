"""More pictures in a second: an adapter between a film's pictures and its video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from animator.frame import Image

Betweens = Callable[[Image, Image, Sequence[float]], Iterable[Image]]  # old, new, weights of the new one


class Interpolated:
    """`times` pictures for each one of a film, `betweens` making those after it, on their way to the next.

    No way leads over a cut: the picture before it stays, and so does the last one, unless the film `closes` and
    begins again. The film keeps its length to the picture.
    """

    def __init__(self, times: int, betweens: Betweens, closes: bool) -> None:
        self.betweens, self.closes, self.times = betweens, closes, times
        self.weights = [step / times for step in range(1, times)]

    def __call__(self, film: Iterable[tuple[Image, bool]]) -> Iterator[Image]:
        """`film`: pictures, and whether a shot begins with each."""
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
