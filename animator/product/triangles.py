"""Triangles of a product in the film's world: the plain arrays that all passes read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from animator.product.view import Doubles, Floats

CHUNK = 1 << 17  # triangles or samples that are computed at once, to bound the memory


@dataclass(frozen=True, eq=False)
class Geometry:
    """A product in the film's world (x right, y down, z away; in pixels of the film's width)."""

    vertices: Doubles  # (V, 3)
    faces: NDArray[np.int32]  # (F, 3), indices of vertices
    normals: Floats  # (F, 3, 3), unit normals at the corners of each face
    part: NDArray[np.int32]  # (F,), index of each face's part
    colors: Floats  # (parts, 3), linear light, 0..1

    @cached_property
    def face_normals(self) -> Floats:
        """Unit normals (F, 3) by the winding of the faces; 0 for faces without an area."""
        made = np.empty(self.faces.shape, np.float32)
        for first in range(0, len(self.faces), CHUNK):
            a, b, c = np.moveaxis(self.vertices[self.faces[first : first + CHUNK]], 1, 0)
            across = np.cross(b - a, c - a)
            length = np.linalg.norm(across, axis=-1, keepdims=True)
            made[first : first + CHUNK] = across / np.where(length > 0, length, 1)
        return made

    @cached_property
    def winding(self) -> Floats:
        """Signs (F,): -1 for faces whose corner normals point against the normal by their winding, else 1."""
        sides = np.empty(len(self.faces), np.float32)
        for first in range(0, len(self.faces), CHUNK):
            part = slice(first, first + CHUNK)
            dots = np.einsum("fci,fi->f", self.normals[part], self.face_normals[part])
            sides[part] = np.where(dots < 0, -1, 1)
        return sides

    @cached_property
    def bounds(self) -> Doubles:
        """Least and greatest x, y and z of the faces' corners, (2, 3); zeros without faces."""
        if not len(self.faces):
            return np.zeros((2, 3))
        used = self.vertices[np.unique(self.faces)]
        return np.stack([used.min(0), used.max(0)])

    @cached_property
    def extent(self) -> float:
        """Diagonal of the bounding box, in pixels."""
        return float(np.linalg.norm(self.bounds[1] - self.bounds[0]))

    @classmethod
    def flat(
        cls,
        vertices: Doubles,
        faces: NDArray[np.int32],
        part: NDArray[np.int32] | None = None,
        colors: Floats | None = None,
    ) -> Geometry:
        """Return faces without smooth normals, by default as one part in light grey."""
        part = np.zeros(len(faces), np.int32) if part is None else part
        colors = np.full((int(part.max(initial=0)) + 1, 3), 0.6, np.float32) if colors is None else colors
        bare = cls(vertices, faces, np.zeros((len(faces), 3, 3), np.float32), part, colors)
        corners = np.repeat(bare.face_normals[:, None], 3, axis=1)
        return cls(vertices, faces, corners, part, colors)
