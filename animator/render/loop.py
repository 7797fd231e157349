"""The frame loop: what is on screen moves with the camera, is painted over, and is handed to the next frame.

It knows nothing of files, models, prompts or settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from animator.frame import Frame, Image, Matrix, Motion, State

Paint = Callable[[Frame, Image | None], Image]  # no picture: paint from nothing
Stage = Callable[[Image, Frame, State], Image]
Blend = Callable[[Image, Image, float], Image]  # old, new, weight of the new one


class Camera(Protocol):
    """How pictures move: motions become matrices, which compose by `@`, and a painting moves by their product."""

    rest: Matrix  # of no motion

    def matrix(self, motion: Motion) -> Matrix: ...

    def into(self, frame: Frame) -> Matrix:
        """How pictures move from the last frame into this one: by its motion, and by what else the camera follows."""

    def seen(self, painting: Image, frame: Frame, state: State) -> State:
        """The state after `painting`, which followed `state`."""

    def move(self, state: State, view: Matrix) -> Image:
        """The painting of `state` as it looks after the motions in `view`."""

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:
        """Other pixels, moved as those of the painting of `state`."""

    def edged(self, border: str) -> Camera:
        """The same camera with that border."""


def render(
    frames: Iterable[Frame],
    paint: Paint,
    camera: Camera,
    blend: Blend,
    before: Sequence[Stage] = (),
    after: Sequence[Stage] = (),
    finish: Sequence[Stage] = (),
    state: State = State(),  # noqa: B008 (frozen)
) -> Iterator[tuple[Frame, State]]:
    """Yield each frame with the state after it; `state.shown` is its finished picture.

    `before` and `after` are run around each painting, `finish` over each picture shown that is none.
    To go on where a film stopped, give the remaining `frames` and the `state` after the last painted frame.
    """
    for *between, frame in strokes(frames):
        *views, view = _views(state.moved(camera.rest), [*between, frame], camera)
        if frame.diffuse:
            start = run(before, _moved(state, camera, view), frame, state)
            painting = run(after, paint(frame, start), frame, state)
            after_it, back = camera.seen(painting, frame, state), np.linalg.inv(view)
            for tween, way in zip(between, views, strict=True):
                old, new = _moved(state, camera, way), camera.move(after_it, way @ back)
                mixed = run(finish, blend(old, new, tween.tween), tween, state)
                yield tween, replace(state, shown=mixed, view=way)
            state = after_it
        else:
            state = replace(state, shown=run(finish, _moved(state, camera, view), frame, state), view=view)
        yield frame, state


def strokes(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Frames in groups that can be shown as soon as their last one is painted; a frame that only moves is its own."""
    stroke: list[Frame] = []
    for frame in frames:
        stroke.append(frame)
        if frame.diffuse or not frame.tween:
            yield stroke
            stroke = []


def run(stages: Iterable[Stage], image: Any, frame: Frame, state: State) -> Any:
    """`image` through each stage in turn; where there is no picture yet, none comes out."""
    for stage in stages if image is not None else ():
        image = stage(image, frame, state)
    return image


def _moved(state: State, camera: Camera, view: Matrix) -> Any:
    """The last painting as it looks now; None before the first one, which no in-between precedes."""
    return None if state.painting is None else camera.move(state, view)


def _views(view: Matrix, frames: Iterable[Frame], camera: Camera) -> Iterator[Matrix]:
    """Where each frame's motion has taken the last painting."""
    for frame in frames:
        view = camera.into(frame) @ view
        yield view
