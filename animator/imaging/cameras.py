"""Cameras that warp images: 2D, 3D before a flat image, 3D before an image with depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animator.frame import Frame, Image, Matrix, Motion, State
from animator.imaging.depth import Source
from animator.imaging.geometry import Lens, matrix
from animator.imaging.warp import Relief, warp

# An image, the (3, 3) matrix that moves its pixels, a border mode → the image resampled once.
Warp = Callable[[Image, Matrix, str], Image]


class Camera2D:
    """2D camera: zoom, angle and translation as (3, 3) matrices, applied to an image in a single resampling."""

    def __init__(self, width: int, height: int, border: str = "replicate", warp: Warp = warp) -> None:
        self.width, self.height, self.border, self.warp = width, height, border, warp
        self.rest: Matrix = np.eye(3)

    def matrix(self, motion: Motion) -> Matrix:
        """Return the (3, 3) matrix by which `motion` moves pixels; matrices of several frames compose by `@`."""
        return matrix(motion, self.width, self.height)

    def into(self, frame: Frame) -> Matrix:
        """Return the matrix from the previous frame to `frame`."""
        return self.matrix(frame.motion)

    def seen(self, painting: Image, frame: Frame, state: State) -> State:
        """Return the state after `painting`, the painted image of `frame`."""
        return state.painted(painting, frame)

    def move(self, state: State, view: Matrix) -> Image:
        """Return the painted image of `state` warped by `view`; the same array, not a copy, if nothing moves."""
        assert state.painting is not None
        return self.carry(state.painting, state, view)

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:  # noqa: ARG002 (a camera's signature)
        """Return other `pixels` warped by `view`, as the painted image of `state` is."""
        return self.warp(pixels, view, self.border)

    def edged(self, border: str) -> Camera2D:
        """Return a copy of this camera with another border mode."""
        return Camera2D(self.width, self.height, border, self.warp)


class PlaneCamera(Camera2D):
    """3D camera before a flat image on the reference plane: every motion is a homography."""

    def __init__(self, lens: Lens, border: str = "replicate", warp: Warp = warp) -> None:
        super().__init__(lens.width, lens.height, border, warp)
        self.lens = lens
        self.rest = np.eye(4)

    def matrix(self, motion: Motion) -> Matrix:
        """Return the (4, 4) pose by which `motion` moves points; poses of several frames compose by `@`."""
        return self.lens.pose(motion)

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:  # noqa: ARG002 (a camera's signature)
        return self.warp(pixels, self.lens.homography(view), self.border)

    def edged(self, border: str) -> PlaneCamera:
        return PlaneCamera(self.lens, border, self.warp)


class DepthCamera(PlaneCamera):
    """3D camera before an image with depth: near surfaces move more, and hide those behind them."""

    def __init__(self, lens: Lens, source: Source, border: str = "replicate") -> None:
        super().__init__(lens, border)
        self.source = source
        self._reliefs: list[Relief] = []  # of the last two painted frames, between which in-betweens lie

    def seen(self, painting: Image, frame: Frame, state: State) -> State:
        return state.painted(painting, frame, self.source.span(painting, state.span))

    def carry(self, pixels: Image, state: State, view: Matrix) -> Image:
        return self._relief(state).seen(view, self.border, pixels)

    def edged(self, border: str) -> DepthCamera:
        return DepthCamera(self.lens, self.source, border)

    def _relief(self, state: State) -> Relief:
        """Return the painted image of `state` with its depth: a pure function of the state, cached as it is slow."""
        assert state.painting is not None
        for relief in self._reliefs:
            if relief.image is state.painting:
                return relief
        disparity = self.source.disparity(state.painting, state.index, state.span)
        relief = Relief(state.painting, disparity, self.lens)
        self._reliefs = [*self._reliefs[-1:], relief]
        return relief
