"""Hints for ControlNets: their sources, and a painter that passes them to the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from animator.frame import Frame, Image, Mask
from animator.render.footage import Footage
from animator.render.loop import Paint
from animator.render.masks import Shot

Source = Callable[
    [Frame, Image | None], Image | None
]  # a frame and the image that is painted over → the image a hint is made of, or None
Make = Callable[[Image, Frame], Image]  # an image of that frame → a hint


@runtime_checkable
class Hinting(Protocol):
    """Interface of a painter that takes ControlNet hints, by the names in `Frame.control`."""

    def hinted(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        """Paint `frame` over `start`, guided by `hints`; with a `mask`, change only the pixels in it."""


def painted_over(frame: Frame, start: Image | None) -> Image | None:  # noqa: ARG001 (a source's signature)
    """Return `start`, the image that is painted over, as the source of a hint."""
    return start


class Still:
    """Source that gives one image for the whole film; with a `shot`, warped as the camera has moved since it began."""

    def __init__(self, picture: Image, shot: Shot | None) -> None:
        self.picture, self.shot = picture, shot

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's signature)
        if self.shot is None or self.shot.first is None:  # nothing is painted yet
            return self.picture
        return self.shot.carried(self.picture, frame)


class Played:
    """Source that gives a video's image at the time of each frame."""

    def __init__(self, footage: Footage) -> None:
        self.footage = footage

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's signature)
        return self.footage(frame.index)


class Hint:
    """ControlNet hint that `make` makes of the image from `source`; made once while the image stays the same."""

    def __init__(self, source: Source, make: Make) -> None:
        self.source, self.make = source, make
        self._last: tuple[Image | None, Image | None] = (None, None)

    def __call__(self, frame: Frame, start: Image | None) -> Image | None:
        picture = self.source(frame, start)
        if picture is None:
            return None
        if self._last[0] is not picture:
            self._last = picture, self.make(picture, frame)
        return self._last[1]


class Guided:
    """A painter that passes hints with a scale above 0 to `paint`.

    Hints of the image that is painted over are made of `first` where there is no such image.
    """

    def __init__(self, paint: Hinting, hints: Mapping[str, Hint], first: Image | None) -> None:
        self.paint, self.hints, self.first = paint, hints, first

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint.hinted(frame, start, self._seen(frame, start))

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        return self.paint.hinted(frame, start, self._seen(frame, start), mask)

    def _seen(self, frame: Frame, start: Image | None) -> dict[str, Image]:
        start = self.first if start is None else start
        wanted = {name: hint for name, hint in self.hints.items() if frame.control[name].scale > 0}
        found = {name: hint(frame, start) for name, hint in wanted.items()}
        return {name: picture for name, picture in found.items() if picture is not None}


def guided(paint: Paint, hints: Mapping[str, Hint], first: Image | None) -> Paint:
    """Return `paint` with `hints`; `paint` itself if it takes none or there are none."""
    return Guided(paint, hints, first) if hints and isinstance(paint, Hinting) else paint
