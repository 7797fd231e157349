"""A video in the film: its pictures as they come, and what is done with them around a painting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from animator.frame import Frame, Image, State
from animator.imaging import color, follow
from animator.imaging import masks as mask
from animator.imaging.blend import crossfade
from animator.render.loop import Paint
from animator.render.masks import Masks


class Footage:
    """The video's picture for a frame of the film, in the film's order: each is decoded once, and the last is kept.

    `play` gives the pictures from a frame on; it is asked when the first one is wanted.
    """

    def __init__(self, play: Callable[[int], Iterator[Image]]) -> None:
        self.play = play
        self._stream: Any = None
        self._index = -1
        self._picture: Image | None = None

    def __call__(self, index: int) -> Image:
        if self._stream is None:
            self._stream, self._index = self.play(index), index - 1
        while self._index < index:
            self._picture, self._index = next(self._stream), self._index + 1
        assert self._index == index, "the footage has gone past that frame"
        assert self._picture is not None
        return self._picture

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def during(self, film: Iterable[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """`film`, after which, or when it is stopped, the video is closed."""
        try:
            yield from film
        finally:
            self.close()


class Composite:
    """A stage that lays the footage's picture over the one that has moved, as much and where the frame says."""

    def __init__(self, footage: Footage, masks: Masks | None) -> None:
        self.footage, self.masks = footage, masks

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        alpha, text = frame.footage.alpha, frame.footage.mask
        if not alpha:
            return image
        picture = self.footage(frame.index)
        laid = picture if alpha == 1 else crossfade(image, picture, alpha)
        return mask.paste(image, laid, self.masks(text, frame)) if text and self.masks else laid


class Opening:
    """A painter that begins with the footage where there would be nothing, or a start picture, to begin from."""

    def __init__(self, paint: Paint, composite: Composite, picture: Image | None) -> None:
        self.paint, self.composite, self.picture = paint, composite, picture

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        if start is None and frame.footage.alpha:
            if self.picture is None:
                start = self.composite.footage(frame.index)
            else:
                start = self.composite(self.picture, frame, State())
        return self.paint(frame, start)


class Flow:
    """A stage that moves a picture along the footage's flow since the last painting.

    It comes before a painting, and over frames that only move. In-betweens follow the camera alone: when they are
    made, the footage is further on.
    """

    def __init__(self, footage: Footage, frames: Iterable[Frame]) -> None:
        self.footage = footage
        self._amounts: Mapping[int, float] = {frame.index: frame.footage.motion_amount for frame in frames}
        self._painted, self._index = (
            -1,
            -1,
        )  # the painting that the flow begins at, and the frame it has come to
        self._seen: Any = None
        self._way: Any = None

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        if frame.index < self._index:
            return image
        if self._index < state.index:
            self._index, self._seen = state.index, follow.small(self.footage(state.index))
        if self._painted != state.index:
            self._painted, self._way = state.index, None
        while self._index < frame.index:
            self._index += 1
            seen, last = follow.small(self.footage(self._index)), self._seen
            step = follow.flow(last, seen) * self._amounts[self._index]
            self._seen, self._way = seen, follow.chained(self._way, step)
        return image if self._way is None else follow.along(image, self._way)


class MatchFootage:
    """Bring a picture's colours to those of the footage's picture, as far as the frame says."""

    def __init__(self, footage: Footage, space: str, by: str) -> None:
        self.footage, self.space, self.by = footage, space, by
        self._last: tuple[int, Any] = (-1, None)

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        amount = frame.grade.color_amount
        if not amount:
            return image
        if self._last[0] != frame.index:  # before the painting and after it
            self._last = frame.index, color.measure(self.footage(frame.index), self.space)
        return color.match(image, self._last[1], self.space, self.by, amount)
