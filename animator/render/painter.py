"""Painters: the interface between the frame loop and a model, wrappers around a painter, one without a model.

The painter without a model serves previews, tests and computers without weights. This module imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np

from animator.frame import Frame, Image, Mask, State
from animator.imaging.resize import resize
from animator.models import samplers
from animator.render.loop import Painter, Stage
from animator.scene.fields import Pixels


class HiresFix:
    """A painter that composes frames beyond the model's native size at that size first.

    They are then enlarged and painted over with strength `painting.hires`. Frames painted over at a low strength
    keep the composition of the image below, and masked ones that of their surroundings: these are painted in one
    pass at the film's size.
    """

    def __init__(self, paint: Any, size: Pixels, native: int) -> None:
        """`paint`: SDXL for a film of that size; `native`: side in pixels of the square its model was trained on."""
        self.paint, self.size, self.native = paint, size, native
        self.native_painter = paint.with_size(*size.scaled_to(native))
        self.device_name: str = paint.device_name

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint_with_hints(frame, start, {})

    def paint_masked(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        return self.paint_with_hints(frame, start, {}, mask)

    def paint_with_hints(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        over = start
        if self._composes(frame, start) and (start is None or mask is None):
            small = {name: self._shrink(hint) for name, hint in hints.items()}
            over = self._enlarge(
                self.native_painter.paint_with_hints(frame, self._shrink(start), small), start
            )
            frame = _second_pass_frame(frame)
        painted: Image = self.paint.paint_with_hints(frame, over, hints, None if start is None else mask)
        return painted

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        if not self._composes(frame, start):
            return self.paint.paint_on_device(frame, start)
        below = None if start is None else self._shrink(np.asarray(start))
        return self.paint.paint_on_device(
            _second_pass_frame(frame), self._enlarge(self.native_painter(frame, below), start)
        )

    def paint_batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]:
        frame, start = wanted[0]  # the others differ in seed and prompt only
        if self._composes(frame, start):
            small = self.native_painter.paint_batch([(frame, self._shrink(start)) for frame, start in wanted])
            large = [
                self._enlarge(painting, start) for painting, (_, start) in zip(small, wanted, strict=True)
            ]
            wanted = [
                (_second_pass_frame(frame), picture)
                for (frame, _), picture in zip(wanted, large, strict=True)
            ]
        painted: list[Image] = self.paint.paint_batch(wanted)
        return painted

    def _composes(self, frame: Frame, start: Any) -> bool:
        """Return True if painting `frame` over `start` composes a new image larger than the model's native size."""
        strength = 1.0 if start is None else frame.painting.strength
        beyond = self._size(start).exceeds(self.native)
        return beyond and frame.painting.hires > 0 and samplers.redoes_layout(strength)

    def _size(self, start: Any) -> Pixels:
        return self.size if start is None else Pixels(start.shape[1], start.shape[0])

    def _shrink(self, picture: Any) -> Any:
        return None if picture is None else resize(picture, *self._size(picture).scaled_to(self.native))

    def _enlarge(self, picture: Image, start: Any) -> Image:
        return resize(picture, *self._size(start))


def _second_pass_frame(frame: Frame) -> Frame:
    """Return `frame` with the strength of the second pass, over the enlarged image."""
    return replace(frame, painting=replace(frame.painting, strength=frame.painting.hires))


class StartFromImage:
    """A painter that paints over `picture` where it would otherwise start from noise."""

    def __init__(self, paint: Any, picture: Image) -> None:
        """`paint`: the SDXL painter, or one with the same methods."""
        self.paint, self.image = paint, picture
        self.device_name: str = paint.device_name

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        painted: Image = self.paint(frame, self._start(start))
        return painted

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        return self.paint.paint_on_device(frame, self._start(start))

    def paint_masked(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        painted: Image = self.paint.paint_masked(frame, self._start(start), mask)
        return painted

    def paint_with_hints(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        painted: Image = self.paint.paint_with_hints(frame, self._start(start), hints, mask)
        return painted

    def paint_batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]:
        painted: list[Image] = self.paint.paint_batch(
            [(frame, self._start(start)) for frame, start in wanted]
        )
        return painted

    def _start(self, start: Any) -> Any:
        return self.image if start is None else start


class Cached:
    """A painter that returns saved painted frames, by frame number, and lets `paint` paint the others."""

    def __init__(self, paint: Painter, pictures: Mapping[int, Image]) -> None:
        self.paint, self.pictures = paint, pictures

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        known = frame.index in self.pictures
        return self.pictures[frame.index] if known else self.paint(frame, start)


class SkipCached:
    """A stage that skips the frames of which a painted frame is saved."""

    def __init__(self, stage: Stage, pictures: Mapping[int, Image]) -> None:
        self.stage, self.pictures = stage, pictures

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.index in self.pictures else self.stage(image, frame, state)


def skip_cached(
    pictures: Mapping[int, Image], paint: Painter, before: Sequence[Stage], after: Sequence[Stage]
) -> tuple[Painter, list[Stage], list[Stage]]:
    """Return the painter and the stages before and after it, wrapped so that frames in `pictures` are not painted."""
    if not pictures:
        return paint, [*before], [*after]
    return (
        Cached(paint, pictures),
        [SkipCached(stage, pictures) for stage in before],
        [SkipCached(stage, pictures) for stage in after],
    )


class FlatPainter:
    """Painter without a model: returns a given image from nothing, and blends a flat colour over a start image.

    The seed determines the colour and the strength its opacity: 0 keeps the start image, 1 ignores it.
    """

    def __init__(self, picture: Image) -> None:
        self.image = picture

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        if start is None:
            return self.image
        random = np.random.Generator(np.random.PCG64(frame.seed))
        color = np.broadcast_to(random.integers(0, 256, 3, dtype=np.uint8), start.shape)
        strength = frame.painting.strength
        return np.asarray(cv2.addWeighted(start, 1.0 - strength, color.copy(), strength, 0.0), dtype=np.uint8)


def draw_test_card(width: int, height: int) -> Image:
    """Return an RGB image on which every motion is visible: a grid, circles, a colour gradient and an upward arrow."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    unit = min(width, height) / 16
    card = np.stack([70 + 110 * x / width, np.full_like(x, 105), 180 - 100 * y / height], axis=-1)
    checks = ((x // unit + y // unit) % 2)[..., None]
    card = (card + 26 * checks).astype(np.uint8)
    middle, white = (width // 2, height // 2), (245, 245, 245)
    thick = max(1, round(unit / 8))
    for radius in (2, 4, 6):
        cv2.circle(card, middle, round(radius * unit), white, thick, cv2.LINE_AA)
    tip, tail = (middle[0], round(middle[1] - 3.5 * unit)), (middle[0], round(middle[1] + 3.5 * unit))
    cv2.arrowedLine(card, tail, tip, (250, 190, 60), 3 * thick, cv2.LINE_AA, tipLength=0.3)
    return np.asarray(card, dtype=np.uint8)


@runtime_checkable
class DevicePainter(Protocol):
    """Interface of a painter that can leave its images on the device that paints them."""

    device_name: str  # torch's name of the device; "" if images are better copied to the host

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        """Paint `frame` over `start`, an image on the device or an array; return an image on the device."""


@runtime_checkable
class HintPainter(Protocol):
    """Interface of a painter that takes ControlNet hints, by the names in `Frame.control`."""

    def paint_with_hints(
        self, frame: Frame, start: Image | None, hints: Mapping[str, Image], mask: Mask | None = None
    ) -> Image:
        """Paint `frame` over `start`, guided by `hints`; with a `mask`, change only the pixels in it."""


@runtime_checkable
class MaskPainter(Protocol):
    """Interface of a painter that can change only the masked pixels of an image."""

    def paint_masked(self, frame: Frame, start: Image | None, mask: Mask) -> Image:
        """Paint `frame` over `start`, changing pixels by their value in `mask` (0 not at all, 255 fully)."""


@runtime_checkable
class Batching(Protocol):
    """A painter that can paint several frames in one batch, if they differ in seeds and prompts only."""

    def paint_batch(self, wanted: Sequence[tuple[Frame, Image | None]]) -> list[Image]: ...
