"""Motion → matrix: how the picture's pixels move."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np

from animator.frame import Matrix, Motion


def turn(motion: Motion, width: int, height: int) -> Matrix:
    """Zoom and angle about the centre, as a (3, 3) matrix of pixels.

    Pixel centres lie on whole numbers, so the middle of the picture is (width - 1) / 2.
    """
    x, y = width * motion.center_x - 0.5, height * motion.center_y - 0.5
    a = motion.zoom * cos(radians(motion.angle))
    b = motion.zoom * sin(radians(motion.angle))
    return np.array([[a, b, (1 - a) * x - b * y], [-b, a, b * x + (1 - a) * y], [0, 0, 1]])


def shift(motion: Motion) -> Matrix:
    """The translation, as a (3, 3) matrix of pixels."""
    return np.array([[1, 0, motion.translation_x], [0, 1, motion.translation_y], [0, 0, 1.0]])


def matrix(motion: Motion, width: int, height: int) -> Matrix:
    """The (3, 3) matrix that takes a pixel (x, y, 1) of the last frame to its place in this one.

    Deforum's order: translate first, then turn and zoom about the centre.
    """
    product: Matrix = turn(motion, width, height) @ shift(motion)
    return product
