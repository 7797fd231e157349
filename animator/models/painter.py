"""Painter: the interface of a model family that paints frames, a wrapper of painters, and painters of functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any

from animator.frame import Frame, Image, Mask

Job = tuple[Frame, Image | None]  # a frame, and the image it is painted over; None: paint from noise
Hints = Mapping[str, Image]  # ControlNet hints by the names in `Frame.control`, of the painted size
NO_HINTS: Hints = MappingProxyType({})


class Painter(ABC):
    """Paints one frame at a time. Subclass it for a model family; only `paint` is required.

    `capabilities` names what a painter can do besides: "mask" and "hints", the arguments of `paint`; "batch", if
    `paint_batch` is faster than single calls; "device", if it has `paint_on_device`. Without "mask", the renderer
    pastes the painting through the mask; without "hints", a schedule's ControlNets have no effect.
    """

    capabilities: frozenset[str] = frozenset()
    device_name: str = ""  # torch's name of the device on which images may stay; "": they belong on the host

    @abstractmethod
    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        """Return the painting of `frame`: RGB uint8 (height, width, 3), of the size of `start`.

        `start`: the image to paint over, RGB uint8 (height, width, 3); None: paint from noise, in the film's size.
        `mask`: uint8 (height, width), scales the strength of each pixel; 0 keeps `start`, 255 paints fully.
        `hints`: ControlNet hints by name, each RGB uint8 of the painted size. Raises ModelError.
        """

    def paint_batch(self, jobs: Sequence[Job]) -> list[Image]:
        """Return the paintings of frames that differ only in seed and prompt; by default painted one by one."""
        return [self.paint(frame, start) for frame, start in jobs]

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        """Return the painting of `frame` as an image on the device; `start` is one, an array, or None."""
        raise NotImplementedError(f"{type(self).__name__} cannot keep images on a device")

    def with_size(self, width: int, height: int) -> Painter:
        """Return a painter that shares the model, and paints width x height pixels from noise."""
        raise NotImplementedError(f"{type(self).__name__} cannot change its size to {width}x{height}")

    def keep_paintings(self, store: MutableMapping[str, Image]) -> None:  # noqa: B027 (most painters keep none)
        """Keep paintings from which frames are made, such as those of a 3D product, in `store`, and use those in it.

        By default a painter has none. The names tell apart all paintings of a film.
        """

    def _refuse(self, mask: Mask | None, hints: Hints) -> None:
        """Raise NotImplementedError if there is a mask or a hint; for `paint` of a painter that takes neither."""
        for capability, given in (("mask", mask is not None), ("hints", bool(hints))):
            if given:
                raise NotImplementedError(f"{type(self).__name__} cannot paint with {capability}")


class PainterWrapper(Painter):
    """A painter that forwards everything to `inner`; subclass it and override what changes.

    A subclass that is used outside of `animate` and changes single frames overrides `paint_batch` and
    `paint_on_device` too, since these do not call `paint`.
    """

    def __init__(self, inner: Painter) -> None:
        self.inner = inner
        self.capabilities, self.device_name = inner.capabilities, inner.device_name

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        return self.inner.paint(frame, start, mask=mask, hints=hints)

    def paint_batch(self, jobs: Sequence[Job]) -> list[Image]:
        return self.inner.paint_batch(jobs)

    def paint_on_device(self, frame: Frame, start: Any) -> Any:
        return self.inner.paint_on_device(frame, start)

    def with_size(self, width: int, height: int) -> Painter:
        other = copy(self)
        other.inner = self.inner.with_size(width, height)
        return other

    def keep_paintings(self, store: MutableMapping[str, Image]) -> None:
        self.inner.keep_paintings(store)


PaintFunction = Callable[[Frame, Image | None], Image]


class FunctionPainter(Painter):
    """A painter made of a function (frame, start) → image; it takes neither masks nor hints."""

    def __init__(self, function: PaintFunction) -> None:
        self.function = function

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        self._refuse(mask, hints)
        return self.function(frame, start)


def as_painter(paint: Painter | PaintFunction) -> Painter:
    """Return `paint` itself if it is a painter, else a painter of that function."""
    return paint if isinstance(paint, Painter) else FunctionPainter(paint)
