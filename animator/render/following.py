"""A camera that adds a video's motion to its own, so that painted frames move as the video does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from animator.frame import Frame, Image, Matrix, Motion, State
from animator.imaging import follow
from animator.render.footage import Footage
from animator.render.loop import Camera


class Steps:
    """Motion of the footage into each frame, scaled by `footage.motion_amount`: (3, 3) matrices of pixels.

    Each is estimated once, in the order in which the footage is read, beginning with frame `first`.
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
    """Camera that moves as `camera` does, and then, in the image plane, as the footage does.

    `lift` turns the footage's (3, 3) matrices into the matrices of `camera`.
    """

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
