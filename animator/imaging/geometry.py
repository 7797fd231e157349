"""Geometry of the camera: a frame's motion as a 3×3 matrix of pixels or as a 4×4 pose, and the lens.

A pose is a (4, 4) matrix that moves points (x, y, z, 1), in pixels, in front of the camera: x right, y down, z away
from the camera, which stands at the origin. On the reference plane, at z = focal length, a pixel of the image is
one pixel wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, cos, hypot, radians, sin, tan

import numpy as np

from animator.frame import Matrix, Motion

FOV_RANGE = (1.0, 150.0)  # degrees that a field of view may have

FIELDS_3D = ("translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z", "orbit_x", "orbit_y")


def is_3d(motion: Motion) -> bool:
    """Return True if `motion` needs a 3D camera."""
    return motion.fov != motion.fov_before or any(getattr(motion, name) for name in FIELDS_3D)


@dataclass(frozen=True, slots=True)
class Lens:
    """Camera intrinsics, from pixels to 3D points: image size, horizontal field of view, pivot of orbits.

    In a film whose field of view changes, all poses are those of one lens, which normalises the points: distances are
    multiplied by its focal length over that of the frame. So the reference plane of every painted frame lies at the
    same distance, and a change of the field of view is a pose like any other.
    """

    width: int
    height: int
    fov: float = 40.0  # degrees
    pivot: float = 1.0  # distance of an orbit's pivot, as a multiple of the reference plane's distance

    @property
    def focal(self) -> float:
        """Focal length in pixels, which is the distance of the reference plane."""
        return self.width / 2 / tan(radians(self.fov) / 2)

    @property
    def matrix(self) -> Matrix:
        """Intrinsic matrix (3, 3), from points to homogeneous pixels; pixel centres lie at whole numbers."""
        f = self.focal
        return np.array([[f, 0, (self.width - 1) / 2], [0, f, (self.height - 1) / 2], [0, 0, 1]])

    def with_fov(self, fov: float | None) -> Lens:
        """Return this lens with another field of view; the lens itself for None."""
        return self if fov is None else replace(self, fov=fov)

    def at(self, motion: Motion) -> Lens:
        """Return the lens of the frame that `motion` leads to."""
        return self.with_fov(motion.fov)

    def step_pose(self, motion: Motion) -> Matrix:
        """Return the pose of one step: translation, orbit, camera rotation, then zoom and rotation of the image.

        Where the field of view changes, translation and orbit are in the units of the frame before.
        """
        before, after = self.with_fov(motion.fov_before), self.at(motion)
        product: Matrix = (
            after.zoom_rotation_pose(motion)
            @ rotation_pose(motion)
            @ before.orbit_pose(motion)
            @ translation_pose(motion)
        )
        if motion.fov is None:
            return product
        return np.asarray(self.normal_pose(after) @ product @ np.linalg.inv(self.normal_pose(before)))

    def normal_pose(self, lens: Lens) -> Matrix:
        """Return the pose from points before `lens` to points that this lens sees alike: other distances."""
        return np.diag([1.0, 1.0, self.focal / lens.focal, 1.0])

    def position_pose(self, at: Motion) -> Matrix:
        """Return the pose of points at the absolute position `at`: orbited, rotated and zoomed, then translated.

        The points are before this lens, that of the first image.
        """
        zoomed = self.at(at).zoom_rotation_pose(at)
        product: Matrix = translation_pose(at) @ zoomed @ rotation_pose(at) @ self.orbit_pose(at)
        return product

    def zoom_rotation_pose(self, motion: Motion) -> Matrix:
        """Return the zoom and rotation in the image plane as a pose."""
        return self.pose_of_homography(rotation_zoom_matrix(motion, self.width, self.height))

    def pose_of_homography(self, moved: Matrix) -> Matrix:
        """Return the pose that maps pixels by the (3, 3) matrix `moved`, alike at every distance."""
        pose = np.eye(4)
        pose[:3, :3] = np.linalg.inv(self.matrix) @ moved @ self.matrix
        return pose

    def orbit_pose(self, motion: Motion) -> Matrix:
        """Return the pose of an orbit of the camera round the pivot: up by orbit_x and right by orbit_y degrees.

        The front of the subject turns down and left.
        """
        z = self.focal * self.pivot
        x, y = self.width * (motion.center_x - 0.5), self.height * (motion.center_y - 0.5)
        pivot = np.array([x * self.pivot, y * self.pivot, z])
        pose = np.eye(4)
        pose[:3, :3] = _tilt(-motion.orbit_x) @ _pan(-motion.orbit_y)
        pose[:3, 3] = pivot - pose[:3, :3] @ pivot
        return pose

    def homography(self, pose: Matrix) -> Matrix:
        """Return the homography (3, 3) by which `pose` moves pixels of an image on the reference plane.

        The third homogeneous coordinate of a moved pixel is > 0 where the pixel is in front of the camera.
        """
        points = np.linalg.inv(self.matrix) * self.focal
        moved = pose[:3, :3] @ points + np.outer(pose[:3, 3], (0, 0, 1))
        return np.asarray(self.matrix @ moved / self.focal, np.float64)


def translation_pose(motion: Motion) -> Matrix:
    """Return the translation of `motion` as a pose; + translation_z moves points nearer."""
    pose = np.eye(4)
    pose[:3, 3] = motion.translation_x, motion.translation_y, -motion.translation_z
    return pose


def rotation_pose(motion: Motion) -> Matrix:
    """Return the camera's own rotation as a pose: points in front of it move down, left and counter-clockwise."""
    pose = np.eye(4)
    pose[:3, :3] = _roll(motion.rotation_3d_z) @ _pan(motion.rotation_3d_y) @ _tilt(motion.rotation_3d_x)
    return pose


def rotation_angles(turned: Matrix) -> tuple[float, float, float]:
    """Return rotation_3d_x, y and z in degrees of a (3, 3) rotation matrix: the inverse of `rotation_pose`."""
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


def rotation_zoom_matrix(motion: Motion, width: int, height: int) -> Matrix:
    """Return the zoom and rotation of `motion` about its centre as a (3, 3) matrix of pixel coordinates.

    `width` and `height` are the image's size in pixels. Pixel centres lie at whole numbers, so the middle of the
    image is at x = (width - 1) / 2.
    """
    x, y = width * motion.center_x - 0.5, height * motion.center_y - 0.5
    a = motion.zoom * cos(radians(motion.angle))
    b = motion.zoom * sin(radians(motion.angle))
    return np.array([[a, b, (1 - a) * x - b * y], [-b, a, b * x + (1 - a) * y], [0, 0, 1]])


def translation_matrix(motion: Motion) -> Matrix:
    """Return the translation of `motion` as a (3, 3) matrix of pixel coordinates."""
    return np.array([[1, 0, motion.translation_x], [0, 1, motion.translation_y], [0, 0, 1.0]])


def matrix(motion: Motion, width: int, height: int) -> Matrix:
    """Return the (3, 3) matrix that takes a pixel (x, y, 1) of the previous frame to its position in this one.

    The order is Deforum's: translation first, then rotation and zoom about the centre.
    """
    product: Matrix = rotation_zoom_matrix(motion, width, height) @ translation_matrix(motion)
    return product
