"""Motion → pose: how what is seen moves in front of the camera.

A pose is a (4, 4) matrix of points (x, y, z, 1) in pixels: x right, y down, z away from the camera, which
stands at the origin. The reference plane stands at z = focal, where a pixel is a pixel wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, hypot, radians, sin, tan

import numpy as np

from animator.frame import Matrix, Motion
from animator.imaging.affine import turn

SPATIAL = ("translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z", "orbit_x", "orbit_y")


def spatial(motion: Motion) -> bool:
    """Whether `motion` needs a camera in space."""
    return any(getattr(motion, name) for name in SPATIAL)


@dataclass(frozen=True, slots=True)
class Lens:
    """What turns pixels into points: the picture's size, its horizontal field of view, and the pivot of orbits."""

    width: int
    height: int
    fov: float = 40.0  # degrees
    pivot: float = 1.0  # distance of an orbit's pivot, in distances of the reference plane

    @property
    def focal(self) -> float:
        """Distance of the reference plane in pixels."""
        return self.width / 2 / tan(radians(self.fov) / 2)

    @property
    def matrix(self) -> Matrix:
        """(3, 3), from points to homogeneous pixels; pixel centres lie on whole numbers."""
        f = self.focal
        return np.array([[f, 0, (self.width - 1) / 2], [0, f, (self.height - 1) / 2], [0, 0, 1]])

    def pose(self, motion: Motion) -> Matrix:
        """How `motion` moves points: translated, gone round, turned on the camera, then zoomed and turned flat."""
        product: Matrix = self.flat(motion) @ rotation(motion) @ self.orbit(motion) @ translation(motion)
        return product

    def position(self, at: Motion) -> Matrix:
        """Where points have come to when `at` is a position: gone round and turned, then translated."""
        product: Matrix = translation(at) @ self.flat(at) @ rotation(at) @ self.orbit(at)
        return product

    def flat(self, motion: Motion) -> Matrix:
        """Zoom and angle as a pose."""
        return self.everywhere(turn(motion, self.width, self.height))

    def everywhere(self, moved: Matrix) -> Matrix:
        """A map of pixels, (3, 3), as a pose: the same map at every distance."""
        pose = np.eye(4)
        pose[:3, :3] = np.linalg.inv(self.matrix) @ moved @ self.matrix
        return pose

    def orbit(self, motion: Motion) -> Matrix:
        """The camera's way round the pivot, up by orbit_x and right by orbit_y: the front turns down and left."""
        z = self.focal * self.pivot
        x, y = self.width * (motion.center_x - 0.5), self.height * (motion.center_y - 0.5)
        pivot = np.array([x * self.pivot, y * self.pivot, z])
        pose = np.eye(4)
        pose[:3, :3] = _tilt(-motion.orbit_x) @ _pan(-motion.orbit_y)
        pose[:3, 3] = pivot - pose[:3, :3] @ pivot
        return pose

    def homography(self, pose: Matrix) -> Matrix:
        """(3, 3): how `pose` moves the pixels of a picture on the reference plane; third row > 0 where seen."""
        points = np.linalg.inv(self.matrix) * self.focal
        moved = pose[:3, :3] @ points + np.outer(pose[:3, 3], (0, 0, 1))
        return np.asarray(self.matrix @ moved / self.focal, np.float64)


def translation(motion: Motion) -> Matrix:
    pose = np.eye(4)
    pose[:3, 3] = motion.translation_x, motion.translation_y, -motion.translation_z
    return pose


def rotation(motion: Motion) -> Matrix:
    """The camera's own turn: what is in front of it goes down, left and counter-clockwise."""
    pose = np.eye(4)
    pose[:3, :3] = _roll(motion.rotation_3d_z) @ _pan(motion.rotation_3d_y) @ _tilt(motion.rotation_3d_x)
    return pose


def angles(turned: Matrix) -> tuple[float, float, float]:
    """rotation_3d_x, y and z in degrees of a (3, 3) rotation: `rotation` the other way round."""
    pan = atan2(turned[2, 0], hypot(turned[0, 0], turned[1, 0]))
    tilt = atan2(-turned[2, 1], turned[2, 2])
    roll = atan2(-turned[1, 0], turned[0, 0])
    tilt, pan, roll = np.degrees([tilt, pan, roll])
    return float(tilt), float(pan), float(roll)


def _tilt(degrees: float) -> Matrix:
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def _pan(degrees: float) -> Matrix:
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def _roll(degrees: float) -> Matrix:
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
