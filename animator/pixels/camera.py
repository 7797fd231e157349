"""Motion → matrix: how the picture's pixels move, and back."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np

from animator.frame import Image, Matrix, Motion
from animator.pixels.warp import warp


def matrix(motion: Motion, width: int, height: int) -> Matrix:
    """The (3, 3) matrix that takes a pixel (x, y, 1) of the last frame to its place in this one.

    Deforum's order: translate first, then turn and zoom about the centre. Pixel centres lie on whole
    numbers, so the middle of the picture is (width - 1) / 2.
    """
    x, y = width * motion.center_x - 0.5, height * motion.center_y - 0.5
    a = motion.zoom * cos(radians(motion.angle))
    b = motion.zoom * sin(radians(motion.angle))
    turn = np.array([[a, b, (1 - a) * x - b * y], [-b, a, b * x + (1 - a) * y], [0, 0, 1]])
    shift = np.array([[1, 0, motion.translation_x], [0, 1, motion.translation_y], [0, 0, 1]])
    product: Matrix = turn @ shift
    return product


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
