"""One view of the product: a pose and a lens, with rays, projection and the directions of the camera.

World and camera space are those of imaging/geometry.py: x right, y down, z away from the camera, in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from animator.frame import Matrix
from animator.imaging.geometry import Lens

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

TO_EYE_AXES = np.diag([1.0, -1.0, -1.0])  # from x right, y down, z away to right, up, towards the camera


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A camera at the origin: `pose` (4, 4) moves the world's points in front of it, `lens` draws them.

    The 3×3 part of a pose may be any invertible matrix: a zoom is a pose with scaled x and y, see
    `Lens.pose_of_homography`.
    """

    pose: Matrix
    lens: Lens

    @property
    def width(self) -> int:
        """Width of the image in pixels."""
        return self.lens.width

    @property
    def height(self) -> int:
        """Height of the image in pixels."""
        return self.lens.height

    def with_size(self, width: int, height: int) -> View:
        """Return this view in another size in pixels: its horizontal field of view stays.

        The pose stays, too, for lengths of the world do not depend on the size of the image.
        """
        return View(self.pose, replace(self.lens, width=width, height=height))

    @property
    def eye(self) -> Doubles:
        """Position of the camera in the world, float64 (3,)."""
        return np.asarray(-np.linalg.solve(self.pose[:3, :3], self.pose[:3, 3]), np.float64)

    @property
    def back(self) -> Doubles:
        """Matrix (3, 3) from homogeneous pixels (x, y, 1) to the direction of their ray in the world.

        The direction has a length at which the ray's parameter is the depth z in camera space.
        """
        return np.asarray(np.linalg.inv(self.lens.matrix @ self.pose[:3, :3]), np.float64)

    @property
    def axes(self) -> Doubles:
        """Orthogonal matrix (3, 3) from directions of the world to right, up and towards the camera.

        It is the orthogonal factor of the pose's polar decomposition (Higham 1986), which a zoom leaves alone and
        which mirrors where the pose mirrors.
        """
        left, _, right = np.linalg.svd(self.pose[:3, :3])
        return np.asarray(TO_EYE_AXES @ left @ right, np.float64)

    def rays(self, samples: int = 1) -> tuple[Doubles, Floats]:
        """Return the origin (3,) and the directions, float32 (height * samples, width * samples, 3), in the world.

        Each pixel is divided in samples × samples squares, and each ray goes through the middle of one.
        """
        rows, columns = self.height * samples, self.width * samples
        return self.eye, self.directions(slice(0, rows), slice(0, columns), samples)

    def directions(self, rows: slice, columns: slice, samples: int = 1) -> Floats:
        """Return the directions of the rays in some rows and columns of samples, float32 (rows, columns, 3)."""
        x = sample_places(np.arange(columns.start, columns.stop), samples)
        y = sample_places(np.arange(rows.start, rows.stop), samples)
        back = self.back
        across, down = np.outer(x, back[:, 0]), np.outer(y, back[:, 1]) + back[:, 2]
        return down.astype(np.float32)[:, None] + across.astype(np.float32)[None]

    def to_camera(self, points: NDArray[np.floating]) -> Doubles:
        """Return points (..., 3) of the world in camera space, float64."""
        return np.asarray(points @ self.pose[:3, :3].T + self.pose[:3, 3], np.float64)

    def project(self, points: NDArray[np.floating]) -> tuple[Doubles, Doubles]:
        """Return pixels (..., 2) and depths (...) in camera space of points (..., 3); a pixel's centre is whole.

        Pixels are NaN for points that are not in front of the camera.
        """
        seen = self.to_camera(points)
        depth = seen[..., 2]
        front = np.where(depth > 0, depth, np.nan)
        middle = self.lens.matrix[:2, 2]
        return seen[..., :2] * self.lens.focal / front[..., None] + middle, depth


def sample_places(index: NDArray[np.integer], samples: int) -> Doubles:
    """Return the coordinates in pixels of the samples with numbers `index` along one axis."""
    return np.asarray((index + 0.5) / samples - 0.5, np.float64)
