"""Painter wrappers (hires fix, start images, frames that need no painting) and FlatPainter, which needs no model.

`Painter`, the interface that they implement, is in models/painter.py, below the model families.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from animator.frame import Frame, Image, Mask
from animator.imaging.resize import resize
from animator.models import samplers
from animator.models.painter import NO_HINTS, Hints, Job, Painter, PainterWrapper
from animator.render.loop import ShotParts, SkipFrames
from animator.scene.fields import Pixels


class HiresFix(PainterWrapper):
    """A painter that composes frames beyond the model's native size at that size first.

    They are then enlarged and painted over with strength `painting.hires`. Frames painted over at a low strength
    keep the composition of the image below, and masked ones that of their surroundings: these are painted in one
    pass at the film's size.
    """

    def __init__(self, inner: Painter, size: Pixels, native: int) -> None:
        """`inner` paints a film of that size; `native`: side in pixels of the square its model was trained on."""
        super().__init__(inner)
        self.size, self.native = size, native
        self.native_painter = inner.with_size(*size.scaled_to(native))

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        over = start
        if self._composes(frame, start) and (start is None or mask is None):
            small = {name: self._shrink(hint) for name, hint in hints.items()}
            over = self._enlarge(self.native_painter.paint(frame, self._shrink(start), hints=small), start)
            frame = _second_pass_frame(frame)
        return self.inner.paint(frame, over, mask=None if start is None else mask, hints=hints)

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        if not self._composes(frame, start):
            return self.inner.paint_on_device(frame, start)
        below = None if start is None else self._shrink(np.asarray(start))
        over = self._enlarge(self.native_painter.paint(frame, below), start)
        return self.inner.paint_on_device(_second_pass_frame(frame), over)

    def paint_batch(self, jobs: Sequence[Job]) -> list[Image]:
        frame, start = jobs[0]  # the others differ in seed and prompt only
        if self._composes(frame, start):
            small = self.native_painter.paint_batch([(frame, self._shrink(start)) for frame, start in jobs])
            jobs = [
                (_second_pass_frame(frame), self._enlarge(painting, start))
                for painting, (frame, start) in zip(small, jobs, strict=True)
            ]
        return self.inner.paint_batch(jobs)

    def _composes(self, frame: Frame, start: Any) -> bool:
        """Return True if painting `frame` over `start` composes a new image larger than the model's native size."""
        strength = 1.0 if start is None else frame.painting.strength
        beyond = self._size(start).exceeds(self.native)
        return beyond and frame.painting.hires > 0 and samplers.redoes_layout(strength)

    def _size(self, start: Any) -> Pixels:
        return self.size if start is None else Pixels(start.shape[1], start.shape[0])

    def _shrink(self, image: Any) -> Any:
        return None if image is None else resize(image, *self._size(image).scaled_to(self.native))

    def _enlarge(self, image: Image, start: Any) -> Image:
        return resize(image, *self._size(start))


def _second_pass_frame(frame: Frame) -> Frame:
    """Return `frame` with the strength of the second pass, over the enlarged image."""
    return replace(frame, painting=replace(frame.painting, strength=frame.painting.hires))


class StartFrom(PainterWrapper):
    """A painter that paints over the image `choose(frame)` instead of noise, unless that is None."""

    def __init__(self, inner: Painter, choose: Callable[[Frame], Image | None]) -> None:
        super().__init__(inner)
        self.choose = choose

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        return self.inner.paint(frame, self._start(frame, start), mask=mask, hints=hints)

    def paint_batch(self, jobs: Sequence[Job]) -> list[Image]:
        return self.inner.paint_batch([(frame, self._start(frame, start)) for frame, start in jobs])

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        return self.inner.paint_on_device(frame, self._start(frame, start))

    def _start(self, frame: Frame, start: Any) -> Any:
        return self.choose(frame) if start is None else start


class SkipPainting(PainterWrapper):
    """A painter that returns the image `ready(frame, start)`, and paints the frame only if that is None."""

    def __init__(self, inner: Painter, ready: Callable[[Frame, Image | None], Image | None]) -> None:
        super().__init__(inner)
        self.ready = ready

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        image = self.ready(frame, start)
        return self.inner.paint(frame, start, mask=mask, hints=hints) if image is None else image


def skip_saved(parts: ShotParts, saved: Mapping[int, Image]) -> ShotParts:
    """Return `parts` that take the painted frames in `saved`, by frame number, as they are: no painting, no stages."""
    if not saved:
        return parts

    def is_saved(frame: Frame) -> bool:
        return frame.index in saved

    painter = SkipPainting(parts.painter, lambda frame, _: saved[frame.index] if is_saved(frame) else None)
    before, after = (
        [SkipFrames(stage, is_saved) for stage in stages] for stages in (parts.before, parts.after)
    )
    return replace(parts, painter=painter, before=before, after=after)


class FlatPainter(Painter):
    """Painter without a model: returns a given image from nothing, and blends a flat colour over a start image.

    The seed determines the colour and the strength its opacity: 0 keeps the start image, 1 ignores it.
    """

    def __init__(self, image: Image) -> None:
        self.image = image

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        self._refuse(mask, hints)
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
