"""Motion as a (3, 3) matrix of pixel coordinates."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np

from animator.frame import Matrix, Motion


def turn(motion: Motion, width: int, height: int) -> Matrix:
    """Return the zoom and rotation of `motion` about its centre as a (3, 3) matrix of pixel coordinates.

    `width` and `height` are the image's size in pixels. Pixel centres lie at whole numbers, so the middle of the
    image is at x = (width - 1) / 2.
    """
    x, y = width * motion.center_x - 0.5, height * motion.center_y - 0.5
    a = motion.zoom * cos(radians(motion.angle))
    b = motion.zoom * sin(radians(motion.angle))
    return np.array([[a, b, (1 - a) * x - b * y], [-b, a, b * x + (1 - a) * y], [0, 0, 1]])


def shift(motion: Motion) -> Matrix:
    """Return the translation of `motion` as a (3, 3) matrix of pixel coordinates."""
    return np.array([[1, 0, motion.translation_x], [0, 1, motion.translation_y], [0, 0, 1.0]])


def matrix(motion: Motion, width: int, height: int) -> Matrix:
    """Return the (3, 3) matrix that takes a pixel (x, y, 1) of the previous frame to its position in this one.

    The order is Deforum's: translation first, then rotation and zoom about the centre.
    """
    product: Matrix = turn(motion, width, height) @ shift(motion)
    return product
