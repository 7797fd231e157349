"""Cameras that warp flat images: 2D, and 3D. The one before an image with depth is in depth.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from animator.frame import Frame, Image, Matrix, Motion, State
from animator.imaging.geometry import Lens, matrix
from animator.imaging.warp import warp

# An image, the (3, 3) matrix that moves its pixels, a border mode → the image resampled once.
WarpFunction = Callable[[Image, Matrix, str], Image]


class Camera2D:
    """2D camera: zoom, angle and translation as (3, 3) matrices, applied to an image in a single resampling."""

    def __init__(self, width: int, height: int, border: str = "replicate", warp: WarpFunction = warp) -> None:
        self.width, self.height, self.border, self.warp = width, height, border, warp
        self.identity: Matrix = np.eye(3)

    def matrix(self, motion: Motion) -> Matrix:
        """Return the (3, 3) matrix by which `motion` moves pixels; matrices of several frames compose by `@`."""
        return matrix(motion, self.width, self.height)

    def step_matrix(self, frame: Frame) -> Matrix:
        """Return the matrix from the previous frame to `frame`."""
        return self.matrix(frame.motion)

    def after_painting(self, painting: Image, frame: Frame, state: State) -> State:
        """Return the state after `painting`, the painted image of `frame`."""
        return state.painted(painting, frame)

    def render_view(self, state: State, view: Matrix) -> Image:
        """Return the painted image of `state` warped by `view`; the same array, not a copy, if nothing moves."""
        assert state.painting is not None
        return self.warp_like(state.painting, state, view)

    def warp_like(self, pixels: Image, state: State, view: Matrix) -> Image:  # noqa: ARG002 (a camera's signature)
        """Return other `pixels` warped by `view`, as the painted image of `state` is."""
        return self.warp(pixels, view, self.border)

    def with_border(self, border: str) -> Camera2D:
        """Return a copy of this camera with another border mode."""
        return Camera2D(self.width, self.height, border, self.warp)


class HomographyCamera(Camera2D):
    """3D camera before a flat image on the reference plane: every motion is a homography."""

    def __init__(self, lens: Lens, border: str = "replicate", warp: WarpFunction = warp) -> None:
        super().__init__(lens.width, lens.height, border, warp)
        self.lens = lens
        self.identity = np.eye(4)

    def matrix(self, motion: Motion) -> Matrix:
        """Return the (4, 4) pose by which `motion` moves points; poses of several frames compose by `@`."""
        return self.lens.step_pose(motion)

    def warp_like(self, pixels: Image, state: State, view: Matrix) -> Image:  # noqa: ARG002 (a camera's signature)
        return self.warp(pixels, self.lens.homography(view), self.border)

    def with_border(self, border: str) -> HomographyCamera:
        return HomographyCamera(self.lens, border, self.warp)
