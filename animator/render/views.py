"""Guide a film towards images ahead of it: views, and in a closed loop its own first painted frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from animator.frame import Frame, Image, Matrix, State
from animator.imaging.blend import crossfade
from animator.imaging.masks import paste
from animator.render.loop import Camera, Paint


class Lead:
    """A stage that blends the image that is painted over with the target ahead, where the target is visible.

    The target is rendered as the camera sees it from the current frame. It is the view on that frame, or the first
    painted frame if no view stands there.
    """

    def __init__(
        self, views: Mapping[int, Image], back: Mapping[int, Matrix], camera: Camera, border: str
    ) -> None:
        """`back`: for every guided frame, by number, the matrix from its target's camera to its own."""
        # Separate cameras: a depth camera caches the last painted frames only.
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
    """A painter that starts a shot from the view on its first frame, if there is one."""

    def __init__(self, paint: Paint, views: Mapping[int, Image]) -> None:
        self.paint, self.views = paint, views

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint(frame, self.views.get(frame.index) if start is None else start)


class Unpainted:
    """A painter that does not paint one frame: the repetition of the first frame that closes a loop."""

    def __init__(self, paint: Paint, index: int) -> None:
        self.paint, self.index = paint, index

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.paint(frame, start) if frame.index != self.index or start is None else start


class Again:
    """A stage that shows the first painted frame again on the frame after a closed loop's last one."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.index != self.index or state.first is None else state.first
