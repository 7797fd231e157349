"""A camera that goes along with a video: how the video's picture moves, the painting moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from animator.frame import Frame, Image, Matrix, Motion, State
from animator.imaging import follow
from animator.render.footage import Footage
from animator.render.loop import Camera


class Steps:
    """How the footage moves into each frame, as far as the frame says: (3, 3) matrices of the film's pixels.

    Found once each, in order, as the footage is read, beginning with that of frame `first`.
    """

    def __init__(self, footage: Footage, first: int, step: follow.Step) -> None:
        self.footage, self.step = footage, step
        self._next = first
        self._seen: Any = None
        self._known: dict[int, Matrix] = {}

    def __call__(self, frame: Frame) -> Matrix:
        while self._next <= frame.index:
            picture = self.footage(self._next)
            seen = follow.small(picture)
            last = seen if self._seen is None else self._seen
            self._known[self._next] = follow.enlarged(self.step(last, seen), *picture.shape[1::-1])
            self._seen, self._next = seen, self._next + 1
        return follow.part(self._known[frame.index], frame.footage.motion_amount)


class Following:
    """Another camera's motion, and then, on the screen, the footage's. `lift` makes its matrices that camera's."""

    def __init__(self, camera: Camera, steps: Steps, lift: Callable[[Matrix], Matrix]) -> None:
        self.camera, self.steps, self.lift = camera, steps, lift
        self.rest = camera.rest

    def matrix(self, motion: Motion) -> Matrix:
        return self.camera.matrix(motion)

    def into(self, frame: Frame) -> Matrix:
        both: Matrix = self.lift(self.steps(frame)) @ self.camera.into(frame)
        return both

    def seen(self, painting: Image, frame: Frame, state: State) -> State:
        return self.camera.seen(painting, frame, state)

    def move(self, state: State, view: Matrix) -> Image:
        return self.camera.move(state, view)

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:
        return self.camera.carry(pixels, state, view)

    def edged(self, border: str) -> Following:
        return Following(self.camera.edged(border), self.steps, self.lift)
