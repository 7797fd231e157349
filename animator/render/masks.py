"""The film's masks as they lie in a frame, and what they do: bound the painting and the stages, lock the product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from animator.frame import Frame, Image, Mask, Matrix, State
from animator.imaging import masks as pixels
from animator.render.loop import Camera, Paint, Stage
from animator.scene.settings_images import EVERYWHERE
from animator.timeline.mask_expressions import Mix, Words, parse


class Source(Protocol):
    """Where a mask comes from."""

    def __call__(self, frame: int, first: Image | None) -> Mask | None:
        """The mask for that frame of the film as it began, with `first` on the screen; None: not known yet."""


@dataclass(frozen=True, slots=True)
class Named:
    """A mask of the schedule file: its source, and whether it moves as the camera has."""

    source: Source
    follow: bool


class Shot:
    """The picture a film began with, and how the camera has seen it since: from it, in one resampling.

    A mask of it lies on its surfaces, so that it moves in depth as they do.
    """

    def __init__(
        self, begun: int, since: Iterable[Frame], camera: Camera, border: str, first: Image | None
    ) -> None:
        """The film began with frame `begun`, on which the picture `first` is; `since` are all frames after it."""
        # Cameras of its own: one that knows depth remembers the last paintings only.
        self.camera, self.bare = camera.edged(border), camera.edged("black")
        self.begun, self._state = begun, State()
        self.begin(first)
        # Found when they are wanted, since a camera may follow a video that is seen as the film goes on.
        self._since, self._last = iter(since), camera.rest
        self._views: dict[int, Matrix] = {begun: self._last}

    @property
    def first(self) -> Image | None:
        """The picture the film began with; None while there is none."""
        return self._state.painting

    def begin(self, first: Image | None) -> None:
        """Take `first` for the picture the film began with."""
        if first is not None:
            self._state = self.camera.seen(first, Frame(self.begun, 0), State())

    def seen(self, frame: Frame) -> Image | None:
        """The first picture as it looks in `frame`; None while there is none."""
        return None if self.first is None else self.camera.move(self._state, self._view(frame))

    def _view(self, frame: Frame) -> Matrix:
        """Where the camera has taken the first picture in `frame`."""
        while frame.index not in self._views:
            following = next(self._since)
            self._last = self.camera.into(following) @ self._last
            self._views[following.index] = self._last
        return self._views[frame.index]

    def moved(self, mask: Mask, frame: Frame) -> Mask:
        """A mask of the first picture as it lies in `frame`; what fills the picture's edge fills the mask's."""
        return self._move(mask, frame, self.camera)

    def carried(self, picture: Image, frame: Frame) -> Image:
        """Another picture of the film's beginning as it lies in `frame`."""
        return self.camera.carry(picture, self._state, self._view(frame))

    def covered(self, frame: Frame) -> Mask:
        """Where the first picture still is in `frame`."""
        assert self.first is not None
        return self._move(np.full(self.first.shape[:2], 255, np.uint8), frame, self.bare)

    def _move(self, mask: Mask, frame: Frame, camera: Camera) -> Mask:
        picture = np.repeat(mask[..., None], 3, axis=-1)
        return camera.carry(picture, self._state, self._view(frame))[..., 0]


class Masks:
    """What an expression over the film's masks is in a frame: uint8 (height, width)."""

    def __init__(self, named: Mapping[str, Named], shot: Shot, width: int, height: int) -> None:
        self.named, self.shot = named, shot
        self._all: Mask = np.full((height, width), 255, np.uint8)
        self._parsed: dict[str, Words] = {}
        self._frame = -1
        self._known: dict[str, Mask] = {}  # of that frame

    def __call__(self, text: str, frame: Frame) -> Mask:
        """The mask that `text` means in `frame`; one that is keyed is everywhere until there is a picture."""
        if frame.index != self._frame:
            self._frame, self._known = frame.index, {EVERYWHERE: self._all}
        if text not in self._parsed:
            self._parsed[text] = parse(text, [*self.named, EVERYWHERE])
        return self._mix(self._parsed[text], frame)

    def _mix(self, words: Words, frame: Frame) -> Mask:
        if isinstance(words, Mix):
            return combine(words.sign, [self._mix(part, frame) for part in words.parts])
        if words not in self._known:
            self._known[words] = self._placed(self.named[words], frame)
        return self._known[words]

    def _placed(self, named: Named, frame: Frame) -> Mask:
        mask = named.source(frame.index, self.shot.first)
        if mask is None:
            return self._all
        moves = named.follow and self.shot.first is not None
        return self.shot.moved(mask, frame) if moves else mask

    def watch(self, film: Iterable[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """`film`, whose first painting is what masks are taken from, unless there was a start picture."""
        for frame, state in film:
            if self.shot.first is None:
                self.shot.begin(state.first)
                self._frame = -1
            yield frame, state


def combine(sign: str, masks: Sequence[Mask]) -> Mask:
    """Masks combined by one of ! & | ^ -."""
    one, other = masks[0], masks[-1]
    match sign:
        case "!":
            return np.asarray(255 - one, dtype=np.uint8)
        case "&":
            return np.minimum(one, other)
        case "|":
            return np.maximum(one, other)
        case "-":
            return np.minimum(one, 255 - other)
        case _:
            return np.maximum(one, other) - np.minimum(one, other)


class Within:
    """A stage that changes a picture only where the frame's `grade.mask` is, or else its `painting.mask`."""

    def __init__(self, stage: Stage, masks: Masks) -> None:
        self.stage, self.masks = stage, masks

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        changed = self.stage(image, frame, state)
        text = frame.grade.mask or frame.painting.mask
        return pixels.paste(image, changed, self.masks(text, frame)) if text else changed


class Lock:
    """Lay the first picture, as the camera sees it now, over what is locked.

    After a painting it is laid with its feathered edge. Pictures between paintings have that edge in them already,
    and twice would be too much of it: there `whole` lays only what is locked wholly, in its first sharpness.
    """

    def __init__(self, masks: Masks, whole: bool = False) -> None:
        self.masks, self.whole = masks, whole

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        lock, shot = frame.lock, self.masks.shot
        seen = shot.seen(frame)
        if not lock.mask or not lock.strength or seen is None:
            return image
        # What the first picture no longer shows is not locked: there is nothing but its stretched edge.
        mask = np.minimum(self.masks(lock.mask, frame), shot.covered(frame))
        seen, mask = pixels.grow(seen, mask, pixels.pixels(lock.feather, image.shape[1]))
        mask = pixels.scale(mask, lock.strength)
        if self.whole:
            mask = np.where(mask == 255, mask, np.uint8(0))
        return pixels.paste(image, seen, mask)


@runtime_checkable
class Masking(Protocol):
    """A painter that knows how to change a picture by a mask."""

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image: ...


class Masked:
    """A painter that changes a picture only where the frame's `painting.mask` is, by how much it is there."""

    def __init__(self, paint: Paint, masks: Masks) -> None:
        self.paint, self.masks = paint, masks

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        text = frame.painting.mask
        if not text:
            return self.paint(frame, start)
        mask = self.masks(text, frame)
        if isinstance(self.paint, Masking):
            return self.paint.within(frame, start, mask)
        painting = self.paint(frame, start)
        return painting if start is None else pixels.paste(start, painting, mask)
