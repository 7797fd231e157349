"""Where the hints of ControlNets come from, and a painter that is shown them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from animator.frame import Frame, Image, Mask
from animator.render.footage import Footage
from animator.render.loop import Paint
from animator.render.masks import Shot

Source = Callable[
    [Frame, Image | None], Image | None
]  # the picture that is painted over → a picture; None: there is none
Make = Callable[[Image, Frame], Image]  # a picture of that frame → a hint


@runtime_checkable
class Hinting(Protocol):
    """A painter that can be shown hints, by the names of `Frame.control`."""

    def hinted(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image: ...


def painted_over(frame: Frame, start: Image | None) -> Image | None:  # noqa: ARG001 (a source's shape)
    """The picture that is painted over itself."""
    return start


class Still:
    """A picture for the whole film; with a `shot`, moved as the camera has since the film began."""

    def __init__(self, picture: Image, shot: Shot | None) -> None:
        self.picture, self.shot = picture, shot

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's shape)
        if self.shot is None or self.shot.first is None:  # the film begins
            return self.picture
        return self.shot.carried(self.picture, frame)


class Played:
    """A video's picture at the time of each frame."""

    def __init__(self, footage: Footage) -> None:
        self.footage = footage

    def __call__(self, frame: Frame, start: Image | None) -> Image:  # noqa: ARG002 (a source's shape)
        return self.footage(frame.index)


class Hint:
    """A picture from `source`, and what `make` makes of it: once, while the picture is the same."""

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
    """A painter that is shown the hints whose scale is not 0; `first` is what it starts from where nothing else is."""

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
    """`paint` shown `hints`, if it can be."""
    return Guided(paint, hints, first) if hints and isinstance(paint, Hinting) else paint
