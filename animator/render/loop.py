"""The frame loop: warp the last painted frame with the camera, paint over it, hand it to the next frame.

It knows nothing of files, models, prompts or settings. A timeline's shots can be painted independently of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from animator.frame import Frame, Image, Matrix, Motion, State
from animator.models.painter import Painter

Stage = Callable[[Image, Frame, State], Image]

Blend = Callable[[Image, Image, float], Image]  # old image, new image, weight of the new one


class Camera(Protocol):
    """Interface of a camera: motions become matrices, which compose by `@`; an image is warped by their product."""

    identity: Matrix  # of no motion: the identity

    def matrix(self, motion: Motion) -> Matrix:
        """Return the matrix of one frame's motion."""

    def step_matrix(self, frame: Frame) -> Matrix:
        """Return the matrix from the previous frame to `frame`: its motion, and that of footage the camera follows."""

    def after_painting(self, painting: Image, frame: Frame, state: State) -> State:
        """Return the state after `painting`, the painted image of `frame`, which followed `state`."""

    def render_view(self, state: State, view: Matrix) -> Image:
        """Return the painted image of `state` as it looks after the motions in `view`."""

    def warp_like(self, pixels: Image, state: State, view: Matrix) -> Image:
        """Return other `pixels` warped as `move` warps the painted image of `state`."""

    def with_border(self, border: str) -> Camera:
        """Return a copy of this camera with another border mode."""


@dataclass(frozen=True, slots=True)
class ShotParts:
    """The painter of a shot, and the stages around it; `add_…` functions return it with one feature more."""

    painter: Painter
    before: Sequence[Stage] = ()  # change the image that is painted over
    after: Sequence[Stage] = ()  # change the painting
    finish: Sequence[Stage] = ()  # change frames that are not painted


class SkipFrames:
    """A stage that leaves the images of some frames as they are, and passes the others to `stage`."""

    def __init__(self, stage: Stage, skips: Callable[[Frame], bool]) -> None:
        self.stage, self.skips = stage, skips

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if self.skips(frame) else self.stage(image, frame, state)


def render(
    frames: Iterable[Frame],
    painter: Painter,
    camera: Camera,
    blend: Blend,
    before: Sequence[Stage] = (),
    after: Sequence[Stage] = (),
    after_tween: Sequence[Stage] = (),
    state: State = State(),  # noqa: B008 (frozen)
) -> Iterator[tuple[Frame, State]]:
    """Yield each frame with the state after it; `state.shown` is its finished image.

    The stages `before` and `after` run around each painting pass, those in `after_tween` over frames that are not
    painted. To resume a film, give the remaining `frames` and the `state` after the last painted frame.
    """
    for *between, frame in paint_groups(frames):
        *views, view = _accumulate_views(state.moved(camera.identity), [*between, frame], camera)
        if frame.diffuse:
            start = run_stages(before, _warp_last(state, camera, view), frame, state)
            painting = run_stages(after, painter.paint(frame, start), frame, state)
            after_it, back = camera.after_painting(painting, frame, state), np.linalg.inv(view)
            for tween, way in zip(between, views, strict=True):
                old, new = _warp_last(state, camera, way), camera.render_view(after_it, way @ back)
                mixed = run_stages(after_tween, blend(old, new, tween.tween), tween, state)
                yield tween, replace(state, shown=mixed, view=way)
            state = after_it
        else:
            state = replace(
                state, shown=run_stages(after_tween, _warp_last(state, camera, view), frame, state), view=view
            )
        yield frame, state


def paint_groups(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Group frames into in-betweens and the painted frame they lead to; a frame that is only warped is its own group.

    A group can be shown as soon as its last frame is painted.
    """
    stroke: list[Frame] = []
    for frame in frames:
        stroke.append(frame)
        if frame.diffuse or not frame.tween:
            yield stroke
            stroke = []


def run_stages(stages: Iterable[Stage], image: Any, frame: Frame, state: State) -> Any:
    """Return `image` after each stage in turn; None stays None."""
    for stage in stages if image is not None else ():
        image = stage(image, frame, state)
    return image


def _warp_last(state: State, camera: Camera, view: Matrix) -> Any:
    """Return the last painted image warped by `view`; None before the first one, which no in-between precedes."""
    return None if state.painting is None else camera.render_view(state, view)


def _accumulate_views(view: Matrix, frames: Iterable[Frame], camera: Camera) -> Iterator[Matrix]:
    """Yield the accumulated matrix since the last painted frame for each of `frames`, starting from `view`."""
    for frame in frames:
        view = camera.step_matrix(frame) @ view
        yield view


def shots(frames: Iterable[Frame]) -> list[list[Frame]]:
    """Return `frames` grouped by shot; each starts anew, so that shots can be painted separately or in sequence."""
    return [list(shot) for _, shot in groupby(frames, key=lambda frame: frame.shot)]


def starts_shot(frame: Frame) -> bool:
    """Return True if a shot begins with `frame`."""
    return frame.index == frame.shot
