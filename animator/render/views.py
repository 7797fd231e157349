"""Leading a film to pictures that stand ahead: views, and in a closed loop its own first painting."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from animator.frame import Frame, Image, Matrix, State
from animator.imaging.blend import crossfade
from animator.imaging.masks import paste
from animator.render.loop import Camera, Paint


class Lead:
    """Lead the picture that is painted over to the one ahead: as it looks from here, where it is seen from here.

    A picture that stands where no view does is the first painting's.
    """

    def __init__(
        self, views: Mapping[int, Image], back: Mapping[int, Matrix], camera: Camera, border: str
    ) -> None:
        """`back`: for every frame that is led, how the camera sees from there what stands ahead."""
        # Cameras of its own: one that knows depth remembers the last paintings only.
        self.camera, self.bare = camera.edged(border), camera.edged("black")
        self.views, self.back = views, back
        self._stands, self._state = -1, State()

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        ahead = frame.ahead
        coming = self.views.get(ahead.frame, state.first) if ahead.weight else None
        if coming is None:
            return image
        if self._stands != ahead.frame:
            self._stands = ahead.frame
            self._state = self.camera.seen(coming, Frame(ahead.frame, 0), State())
        way = self.back[frame.index]
        seen = self.camera.move(self._state, way)
        there = self.bare.carry(np.full_like(image, 255), self._state, way)[..., 0]
        return paste(image, crossfade(image, seen, ahead.weight), there)


class FromView:
    """A painter that begins a shot with the view on its first frame, if there is one."""

    def __init__(self, paint: Paint, views: Mapping[int, Image]) -> None:
        self.paint, self.views = paint, views

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint(frame, self.views.get(frame.index) if start is None else start)


class Unpainted:
    """A painter that leaves one frame as it is: the first frame come again, of which there is a painting."""

    def __init__(self, paint: Paint, index: int) -> None:
        self.paint, self.index = paint, index

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint(frame, start) if frame.index != self.index or start is None else start


class Again:
    """Show the first painting on the frame that comes after a closed loop's last one."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.index != self.index or state.first is None else state.first
