"""Masks as they lie in a frame, the painter and stages that they bound, and the product lock."""

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
    """Interface of a mask's source."""

    def __call__(self, frame: int, first: Image | None) -> Mask | None:
        """Return the mask for frame number `frame`, laid on the shot's `first` image; None if it needs that image."""


@dataclass(frozen=True, slots=True)
class Named:
    """A mask of the schedule: its source, and a flag that it follows the camera."""

    source: Source
    follow: bool


class Shot:
    """The first image of a shot, and the camera's motion since: warps the image and its masks in one resampling.

    A mask of the first image lies on its surfaces, and so moves in depth as they do.
    """

    def __init__(
        self, begun: int, since: Iterable[Frame], camera: Camera, border: str, first: Image | None
    ) -> None:
        """`begun`: number of the shot's first frame; `since`: all frames after it; `first`: its image, if known."""
        # Separate cameras: a depth camera caches the last painted frames only.
        self.camera, self.bare = camera.edged(border), camera.edged("black")
        self.begun, self._state = begun, State()
        self.begin(first)
        # Computed on demand, since a camera may follow a video that is read as the film goes on.
        self._since, self._last = iter(since), camera.rest
        self._views: dict[int, Matrix] = {begun: self._last}

    @property
    def first(self) -> Image | None:
        """The image the shot began with; None until it is painted."""
        return self._state.painting

    def begin(self, first: Image | None) -> None:
        """Set the image the shot began with; None is ignored."""
        if first is not None:
            self._state = self.camera.seen(first, Frame(self.begun, 0), State())

    def seen(self, frame: Frame) -> Image | None:
        """Return the first image as it looks in `frame`; None until there is one."""
        return None if self.first is None else self.camera.move(self._state, self._view(frame))

    def _view(self, frame: Frame) -> Matrix:
        """Return the accumulated camera matrix from the shot's first frame to `frame`."""
        while frame.index not in self._views:
            following = next(self._since)
            self._last = self.camera.into(following) @ self._last
            self._views[following.index] = self._last
        return self._views[frame.index]

    def moved(self, mask: Mask, frame: Frame) -> Mask:
        """Return a mask of the first image as it lies in `frame`; its border is filled as the image's is."""
        return self._move(mask, frame, self.camera)

    def carried(self, picture: Image, frame: Frame) -> Image:
        """Return another image that belongs to the shot's first frame as it lies in `frame`."""
        return self.camera.carry(picture, self._state, self._view(frame))

    def covered(self, frame: Frame) -> Mask:
        """Return the mask of the pixels of `frame` that the first image still covers."""
        assert self.first is not None
        return self._move(np.full(self.first.shape[:2], 255, np.uint8), frame, self.bare)

    def _move(self, mask: Mask, frame: Frame, camera: Camera) -> Mask:
        picture = np.repeat(mask[..., None], 3, axis=-1)
        return camera.carry(picture, self._state, self._view(frame))[..., 0]


class Masks:
    """Evaluates expressions over a scene's masks for a frame: uint8 (height, width), cached for one frame."""

    def __init__(self, named: Mapping[str, Named], shot: Shot, width: int, height: int) -> None:
        self.named, self.shot = named, shot
        self._all: Mask = np.full((height, width), 255, np.uint8)
        self._parsed: dict[str, Words] = {}
        self._frame = -1
        self._known: dict[str, Mask] = {}  # of that frame

    def __call__(self, text: str, frame: Frame) -> Mask:
        """Return the mask of the expression `text` in `frame`; a keyed mask covers all until an image is painted."""
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
        """Yield the items of `film`, and take its first painted frame for the shot's first image if there is none."""
        for frame, state in film:
            if self.shot.first is None:
                self.shot.begin(state.first)
                self._frame = -1
            yield frame, state


def combine(sign: str, masks: Sequence[Mask]) -> Mask:
    """Return masks combined by one of ! & | ^ -: not, minimum, maximum, difference of both, and-not."""
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
    """A stage that changes an image only in the frame's `grade.mask`, or in `painting.mask` if that is empty."""

    def __init__(self, stage: Stage, masks: Masks) -> None:
        self.stage, self.masks = stage, masks

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        changed = self.stage(image, frame, state)
        text = frame.grade.mask or frame.painting.mask
        return pixels.paste(image, changed, self.masks(text, frame)) if text else changed


class Lock:
    """The product lock: a stage that pastes the first image, warped to the current frame, over the locked mask.

    After a painting pass it is pasted with a feathered edge. Frames that are not painted have that edge already, and
    it must not be applied twice: for them, `whole` pastes only fully locked pixels, at their original sharpness.
    """

    def __init__(self, masks: Masks, whole: bool = False) -> None:
        self.masks, self.whole = masks, whole

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        lock, shot = frame.lock, self.masks.shot
        seen = shot.seen(frame)
        if not lock.mask or not lock.strength or seen is None:
            return image
        # Pixels that the first image no longer covers are not locked: only its stretched border is left there.
        mask = np.minimum(self.masks(lock.mask, frame), shot.covered(frame))
        seen, mask = pixels.grow(seen, mask, pixels.pixels(lock.feather, image.shape[1]))
        mask = pixels.scale(mask, lock.strength)
        if self.whole:
            mask = np.where(mask == 255, mask, np.uint8(0))
        return pixels.paste(image, seen, mask)


@runtime_checkable
class Masking(Protocol):
    """Interface of a painter that can change only the masked pixels of an image."""

    def within(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        """Paint `frame` over `start`, changing pixels by their value in `mask` (0 not at all, 255 fully)."""


class Masked:
    """A painter that changes an image only in the frame's `painting.mask`, in proportion to its value.

    A painter that takes no masks paints the whole image, which is then pasted in through the mask.
    """

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
