"""The flat camera: how pictures move, and back."""

from __future__ import annotations

from animator.affine import matrix
from animator.frame import Image, Matrix, Motion
from animator.pixels.warp import warp


class Camera2D:
    """The flat camera: zoom, angle and translation as matrices; a picture moved by one in a single resampling."""

    def __init__(self, width: int, height: int, border: str = "replicate") -> None:
        self.width, self.height, self.border = width, height, border

    def matrix(self, motion: Motion) -> Matrix:
        """How `motion` moves pixels, as a (3, 3) matrix; matrices of several frames compose by `@`."""
        return matrix(motion, self.width, self.height)

    def move(self, image: Image, view: Matrix) -> Image:
        """`image` moved by `view`; the identical array when nothing moves."""
        return warp(image, view, self.border)
