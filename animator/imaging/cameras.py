"""The cameras: how pictures move, and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animator.frame import Frame, Image, Matrix, Motion, State
from animator.imaging.affine import matrix
from animator.imaging.depth import Source
from animator.imaging.geometry import Lens
from animator.imaging.relief import Relief
from animator.imaging.warp import warp

# A picture, where its pixels go, its border → the picture resampled once.
Warp = Callable[[Image, Matrix, str], Image]


class Camera2D:
    """The flat camera: zoom, angle and translation as matrices; a picture moved by one in a single resampling."""

    def __init__(self, width: int, height: int, border: str = "replicate", warp: Warp = warp) -> None:
        self.width, self.height, self.border, self.warp = width, height, border, warp
        self.rest: Matrix = np.eye(3)

    def matrix(self, motion: Motion) -> Matrix:
        """How `motion` moves pixels, as a (3, 3) matrix; matrices of several frames compose by `@`."""
        return matrix(motion, self.width, self.height)

    def into(self, frame: Frame) -> Matrix:
        return self.matrix(frame.motion)

    def seen(self, painting: Image, frame: Frame, state: State) -> State:
        return state.painted(painting, frame)

    def move(self, state: State, view: Matrix) -> Image:
        """The painting moved by `view`; the identical array when nothing moves."""
        assert state.painting is not None
        return self.carry(state.painting, state, view)

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:  # noqa: ARG002 (a camera's shape)
        return self.warp(pixels, view, self.border)

    def edged(self, border: str) -> Camera2D:
        return Camera2D(self.width, self.height, border, self.warp)


class PlaneCamera(Camera2D):
    """A camera in space before a flat picture: every motion is a homography."""

    def __init__(self, lens: Lens, border: str = "replicate", warp: Warp = warp) -> None:
        super().__init__(lens.width, lens.height, border, warp)
        self.lens = lens
        self.rest = np.eye(4)

    def matrix(self, motion: Motion) -> Matrix:
        """How `motion` moves points, as a (4, 4) pose; poses of several frames compose by `@`."""
        return self.lens.pose(motion)

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:  # noqa: ARG002 (a camera's shape)
        return self.warp(pixels, self.lens.homography(view), self.border)

    def edged(self, border: str) -> PlaneCamera:
        return PlaneCamera(self.lens, border, self.warp)


class DepthCamera(PlaneCamera):
    """A camera in space before a picture with depth: what is near moves more, and hides what is behind it."""

    def __init__(self, lens: Lens, source: Source, border: str = "replicate") -> None:
        super().__init__(lens, border)
        self.source = source
        self._reliefs: list[Relief] = []  # of the last two paintings, between which in-betweens lie

    def seen(self, painting: Image, frame: Frame, state: State) -> State:
        return state.painted(painting, frame, self.source.span(painting, state.span))

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:
        return self._relief(state).seen(view, self.border, pixels)

    def edged(self, border: str) -> DepthCamera:
        return DepthCamera(self.lens, self.source, border)

    def _relief(self, state: State) -> Relief:
        """The painting of `state` in depth: a pure function of the state, kept since it takes longer than a warp."""
        assert state.painting is not None
        for relief in self._reliefs:
            if relief.image is state.painting:
                return relief
        disparity = self.source.disparity(state.painting, state.index, state.span)
        relief = Relief(state.painting, disparity, self.lens)
        self._reliefs = [*self._reliefs[-1:], relief]
        return relief
