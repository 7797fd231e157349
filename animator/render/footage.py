"""Footage in the film: a reader of its images, and the stages that use them around a painting pass."""

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
    """Reader of a video's image for each frame of the film, which must be asked for in order.

    Each image is decoded once, and only the last one is kept. `play` yields the images from a frame on; it is called
    when the first image is asked for.
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
        assert self._index == index, "footage must be read in the order of the film"
        assert self._picture is not None
        return self._picture

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def during(self, film: Iterable[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """Yield the items of `film`, and close the video when it ends or is stopped."""
        try:
            yield from film
        finally:
            self.close()


class Composite:
    """A stage that blends the footage's image into the warped one, by `footage.alpha` and in `footage.mask`."""

    def __init__(self, footage: Footage, masks: Masks | None) -> None:
        self.footage, self.masks = footage, masks

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        alpha, text = frame.footage.alpha, frame.footage.mask
        if not alpha:
            return image
        picture = self.footage(frame.index)
        laid = picture if alpha == 1 else crossfade(image, picture, alpha)
        return mask.paste(image, laid, self.masks(text, frame)) if text and self.masks else laid


class Opening:
    """A painter that starts a shot from the footage: alone, or blended over the start image `picture`."""

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
    """A stage that warps an image by the footage's optical flow since the last painted frame.

    It runs before a painting pass, and over frames that are only warped. In-betweens follow the camera alone: by the
    time they are made, the footage has been read beyond them.
    """

    def __init__(self, footage: Footage, frames: Iterable[Frame]) -> None:
        self.footage = footage
        self._amounts: Mapping[int, float] = {frame.index: frame.footage.motion_amount for frame in frames}
        self._painted, self._index = (
            -1,
            -1,
        )  # the painted frame at which the flow begins, and the frame at which it ends
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
    """A stage that matches an image's colours to the footage's image of the same frame, by `grade.color_amount`."""

    def __init__(self, footage: Footage, space: str, by: str) -> None:
        self.footage, self.space, self.by = footage, space, by
        self._last: tuple[int, Any] = (-1, None)

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        amount = frame.grade.color_amount
        if not amount:
            return image
        if self._last[0] != frame.index:  # measured once for the stages before and after the painting pass
            self._last = frame.index, color.measure(self.footage(frame.index), self.space)
        return color.match(image, self._last[1], self.space, self.by, amount)
