"""The samples of one view that hit the product, and averages of their values over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.product.triangles import CHUNK, Geometry
from animator.product.view import Doubles, Floats, View, sample_places

SAME_SURFACE = 0.01  # of the product's extent: depth within which a pixel's samples count as one surface
BAND = 64  # rows of pixels that are averaged at once


@dataclass(frozen=True, eq=False)
class Hits:
    """First hits of a view's rays. Arrays have one value per sample: (height * samples, width * samples)."""

    view: View
    geometry: Geometry
    samples: int  # along each side of a pixel
    triangle: NDArray[np.int32]  # index of the face, -1 where no face was hit
    u: Floats  # barycentric weight of the face's second corner
    v: Floats  # and of its third one
    depth: Floats  # z in camera space, infinite where no face was hit

    @cached_property
    def found(self) -> NDArray[np.int64]:
        """Flat indices (n,) of the samples that hit, in ascending order. Values per hit follow this order."""
        return np.flatnonzero(self.triangle.ravel() >= 0)

    @cached_property
    def parts(self) -> NDArray[np.int32]:
        """Index of the part at each hit, (n,)."""
        return self.geometry.part[self.triangle.ravel()[self.found]]

    @cached_property
    def normals(self) -> Floats:
        """Unit normals (n, 3) in the world at each hit, smooth, on the side that the camera sees."""
        return self.normals_of(self.found)

    @cached_property
    def coverage(self) -> Floats:
        """Share of each pixel's samples that hit, 0..1, (height, width)."""
        return self.mean(np.ones((len(self.found), 1), np.float32))[..., 0]

    @cached_property
    def nearest(self) -> NDArray[np.int64]:
        """Flat index of the nearest sample of each pixel, -1 where none hit, (height, width)."""
        s, wide = self.samples, self.triangle.shape[1]
        best, index = self.depth[::s, ::s].copy(), np.zeros((self.view.height, self.view.width), np.int64)
        for place in range(1, s * s):
            depth = self.depth[place // s :: s, place % s :: s]
            nearer = depth < best
            best[nearer] = depth[nearer]
            index[nearer] = place
        rows, columns = np.arange(self.view.height)[:, None] * s, np.arange(self.view.width)[None] * s
        flat = (rows + index // s) * wide + columns + index % s
        return np.where(np.isfinite(best), flat, -1)

    @cached_property
    def foremost(self) -> NDArray[np.bool_]:
        """True for hits on the nearest surface of their pixel, as far as `SAME_SURFACE` tells, (n,)."""
        s = self.samples
        if s == 1:
            return np.ones(len(self.found), bool)
        kept = np.empty(len(self.found), bool)
        farthest = self.depth.ravel()[self.nearest] + np.float32(self.slack)
        for first in range(0, len(kept), CHUNK):
            some = self.found[first : first + CHUNK]
            y, x = np.divmod(some, self.triangle.shape[1])
            kept[first : first + CHUNK] = self.depth.ravel()[some] <= farthest[y // s, x // s]
        return kept

    @property
    def slack(self) -> float:
        """Difference in depth up to which the samples of a pixel count as one surface."""
        return SAME_SURFACE * self.geometry.extent * float(np.linalg.norm(self.view.pose[2, :3]))

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of pixels that contain all hits, with one more on each side where there is one."""
        rows = np.flatnonzero((self.triangle >= 0).any(1)) // self.samples
        columns = np.flatnonzero((self.triangle >= 0).any(0)) // self.samples
        if not len(rows):
            return slice(0, 0), slice(0, 0)
        return (
            slice(max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, self.view.height)),
            slice(max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, self.view.width)),
        )

    def places(self, flat: NDArray[np.int64]) -> tuple[Doubles, Doubles]:
        """Return x and y in pixels of the samples with flat indices `flat`."""
        y, x = np.divmod(flat, self.triangle.shape[1])
        return sample_places(x, self.samples), sample_places(y, self.samples)

    def points_of(self, flat: NDArray[np.int64]) -> Floats:
        """Return the points (n, 3) of the surface, in the world, at the samples with flat indices `flat`."""
        points = np.empty((len(flat), 3), np.float32)
        eye, back, depth = self.view.eye, self.view.back, self.depth.ravel()
        for first in range(0, len(flat), CHUNK):
            some = flat[first : first + CHUNK]
            x, y = self.places(some)
            for axis in range(3):
                ray = back[axis, 0] * x + back[axis, 1] * y + back[axis, 2]
                points[first : first + CHUNK, axis] = ray * depth[some] + eye[axis]
        return points

    def normals_of(self, flat: NDArray[np.int64]) -> Floats:
        """Return the normals (n, 3) of `normals` at the samples with flat indices `flat`."""
        made = np.empty((len(flat), 3), np.float32)
        shape, u, v = self.geometry, self.u.ravel(), self.v.ravel()
        for first in range(0, len(flat), CHUNK):
            some = flat[first : first + CHUNK]
            face = self.triangle.ravel()[some]
            corner, b, c = shape.normals[face], u[some, None], v[some, None]
            smooth = corner[:, 0] * (1 - b - c) + corner[:, 1] * b + corner[:, 2] * c
            length = np.sqrt(np.einsum("ni,ni->n", smooth, smooth))
            good = length > 1e-6  # False for NaN, too
            smooth /= np.where(good, length, 1)[:, None]
            smooth *= shape.winding[face, None]
            if not good.all():
                smooth[~good] = shape.face_normals[face[~good]]
            made[first : first + CHUNK] = smooth * self.sides[face, None]
        return made

    @cached_property
    def sides(self) -> Floats:
        """Signs (F,): 1 for faces whose normal by their winding points to the camera's side, else -1."""
        sides = np.empty(len(self.geometry.faces), np.float32)
        for first in range(0, len(sides), CHUNK):
            part = slice(first, first + CHUNK)
            towards = self.view.eye - self.geometry.vertices[self.geometry.faces[part, 0]]
            dots = np.einsum("fi,fi->f", towards, self.geometry.face_normals[part])
            sides[part] = np.where(dots < 0, -1, 1)
        return sides

    def spread(self, values: Floats, rows: slice, columns: slice) -> Floats:
        """Return values per hit (n, c) at the samples of some rows and columns of pixels, 0 where none hit.

        The result is (rows * samples, columns * samples, c); the columns must contain all hits of these rows.
        """
        s, wide, count = self.samples, self.triangle.shape[1], values.shape[1]
        height, width = (rows.stop - rows.start) * s, (columns.stop - columns.start) * s
        fine = np.zeros((height * width, count), np.float32)
        for top in range(rows.start, rows.stop, BAND):
            begin, end = top * s * wide, min(top + BAND, rows.stop) * s * wide
            first, last = np.searchsorted(self.found, (begin, end))
            y, x = np.divmod(self.found[first:last], wide)
            fine[(y - rows.start * s) * width + (x - columns.start * s)] = values[first:last]
        return fine.reshape(height, width, count)

    def mean(self, values: Floats) -> Floats:
        """Return values per hit (n, c), c 1 to 4, summed over each pixel and divided by its samples, (h, w, c).

        The weight of each pixel is its coverage: divide by `coverage` for the average of the hits alone.
        """
        s, count = self.samples, values.shape[1]
        whole = np.zeros((self.view.height, self.view.width, count), np.float32)
        rows, columns = self.box
        for top in range(rows.start, rows.stop, BAND):
            band = slice(top, min(top + BAND, rows.stop))
            made = self.spread(values, band, columns)
            if s > 1:
                size = (columns.stop - columns.start, band.stop - top)
                made = np.asarray(cv2.resize(made, size, interpolation=cv2.INTER_AREA), np.float32)
            whole[band, columns] = made.reshape(band.stop - top, -1, count)
        return whole
