"""The product's surface as texels: a grid of points on every triangle, whose values any view can look up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging.color import srgb_to_linear
from animator.product.hits import Hits
from animator.product.triangles import CHUNK, Geometry
from animator.product.view import Floats

MOST_TEXELS = 400_000  # on a whole product; the grid becomes coarser instead
FINEST = 96  # steps along a triangle's edge, at most

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Surface:
    """Texels of a product: on each triangle a grid with `steps` steps along its edges.

    The texel (i, j) of a triangle lies at the barycentric weights i / steps and j / steps of its second and third
    corner. Triangles that share an edge have texels of their own there.
    """

    geometry: Geometry
    size: float  # pixels of the world between texels, about
    steps: NDArray[np.int32]  # (F,)
    first: Index  # (F,), index of each triangle's first texel
    triangle: NDArray[np.int32]  # (T,), each texel's triangle
    u: Floats  # (T,), barycentric weight of the triangle's second corner
    v: Floats  # (T,), and of its third one

    @classmethod
    def of(cls, geometry: Geometry, size: float) -> Surface:
        """Return the texels of `geometry`, about `size` pixels of the world apart; farther if they were too many."""
        corners = geometry.vertices[geometry.faces]
        edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(1)
        while True:
            steps = np.clip(np.ceil(edges / size), 1, FINEST).astype(np.int32)
            counts = (steps + 1).astype(np.int64) * (steps + 2) // 2
            if counts.sum() <= MOST_TEXELS or steps.max(initial=1) == 1:
                break
            size *= 1.25
        first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        triangle = np.repeat(np.arange(len(steps), dtype=np.int32), counts)
        i, j = _grid_places(steps, first, triangle)
        n = steps[triangle]
        return cls(
            geometry, size, steps, first, triangle, (i / n).astype(np.float32), (j / n).astype(np.float32)
        )

    def __len__(self) -> int:
        return len(self.triangle)

    @property
    def part(self) -> NDArray[np.int32]:
        """Part of each texel, (T,)."""
        return self.geometry.part[self.triangle]

    def points(self) -> Floats:
        """Return the texels' places in the world, float32 (T, 3)."""
        return self.interpolate(self.geometry.vertices[self.geometry.faces])

    def normals(self) -> Floats:
        """Return the texels' unit normals by the corner normals, float32 (T, 3)."""
        flipped = self.geometry.normals * self.geometry.winding[:, None, None]
        made = self.interpolate(np.nan_to_num(flipped))
        length = np.linalg.norm(made, axis=-1, keepdims=True)
        return np.where(
            length > 1e-6, made / np.maximum(length, 1e-6), self.geometry.face_normals[self.triangle]
        )

    def texture(self, image: Image, uv: Floats, part: int) -> tuple[Index, Floats]:
        """Return the texels (n,) of a part, and their colours in its texture, linear light (n, 3).

        `image` is sRGB uint8 (h, w, 3), repeated over the plane; `uv` (F, 3, 2) are the corners' places in it, from
        its upper left, as glTF has them.
        """
        at = np.flatnonzero(self.part == part)
        a, b, c = np.moveaxis(uv[self.triangle[at]], 1, 0)
        u, v = self.u[at, None], self.v[at, None]
        height, width = image.shape[:2]
        place = (a * (1 - u - v) + b * u + c * v) % 1.0
        x, y = np.minimum((place * [width, height]).astype(np.int64), [width - 1, height - 1]).T
        return at, np.asarray(srgb_to_linear(image[y, x].astype(np.float32) / 255), np.float32)

    def interpolate(self, corners: NDArray[np.floating]) -> Floats:
        """Return values at the corners (F, 3, c) interpolated at the texels, (T, c)."""
        made = np.empty((len(self), corners.shape[-1]), np.float32)
        for begin in range(0, len(self), CHUNK):
            part = slice(begin, begin + CHUNK)
            a, b, c = np.moveaxis(corners[self.triangle[part]], 1, 0)
            u, v = self.u[part, None], self.v[part, None]
            made[part] = a * (1 - u - v) + b * u + c * v
        return made

    def places(self, hits: Hits) -> tuple[Index, Floats]:
        """Return the three texels (n, 3) round each hit and their weights (n, 3), which sum to 1."""
        found = hits.found
        return self.around(hits.triangle.ravel()[found], hits.u.ravel()[found], hits.v.ravel()[found])

    def around(self, face: NDArray[np.int32], u: Floats, v: Floats) -> tuple[Index, Floats]:
        """Return the three texels (n, 3) round places on triangles, by barycentric weights, and their weights."""
        n = self.steps[face]
        x, y = u * n, v * n
        i = np.clip(np.floor(x).astype(np.int64), 0, n - 1)
        j = np.clip(np.floor(y).astype(np.int64), 0, n - 1 - i)
        x, y = np.clip(x - i, 0, 1), np.clip(y - j, 0, 1)
        upper = (x + y > 1) & (i + j < n - 1)
        start = self.first[face]
        across, along = _texel(start, n, i + 1, j), _texel(start, n, i, j + 1)
        corner = _texel(start, n, i + upper, j + upper)
        texels = np.stack([corner, across, along], -1)
        weights = np.stack(
            [np.abs(1 - x - y), np.where(upper, 1 - y, x), np.where(upper, 1 - x, y)], -1
        ).astype(np.float32)
        return texels, weights / weights.sum(-1, keepdims=True)

    def at(self, hits: Hits, values: Floats) -> Floats:
        """Return `values` of the texels (T, c) at each hit, (n, c)."""
        return _mixed(values, *self.places(hits))

    def look_up(self, values: Floats, face: NDArray[np.int32], u: Floats, v: Floats) -> Floats:
        """Return `values` of the texels (T, c) at places on triangles, (n, c)."""
        return _mixed(values, *self.around(face, u, v))

    def triangles(self) -> Index:
        """Return the small triangles between the texels, indices of texels (n, 3)."""
        i, j = _grid_places(self.steps, self.first, self.triangle)
        n, start = self.steps[self.triangle], self.first[self.triangle]
        lower, upper = i + j < n, i + j < n - 1
        faces = [
            np.stack([_texel(start, n, i + a, j + b)[where] for a, b in corners], -1)
            for where, corners in ((lower, ((0, 0), (1, 0), (0, 1))), (upper, ((1, 1), (0, 1), (1, 0))))
        ]
        return np.concatenate(faces)


def _mixed(values: Floats, texels: Index, weights: Floats) -> Floats:
    """Return the values (n, c) of texels (n, 3), mixed by their weights."""
    made = np.empty((len(texels), values.shape[1]), np.float32)
    for begin in range(0, len(texels), CHUNK):
        part = slice(begin, begin + CHUNK)
        made[part] = sum(values[texels[part, corner]] * weights[part, corner, None] for corner in range(3))
    return made


def _grid_places(steps: NDArray[np.int32], first: Index, triangle: NDArray[np.int32]) -> tuple[Index, Index]:
    """Return the grid's rows i and columns j of all texels, (T,) each."""
    i, j = np.empty(len(triangle), np.int64), np.empty(len(triangle), np.int64)
    for n in np.unique(steps):
        rows = np.repeat(np.arange(n + 1), n + 1 - np.arange(n + 1))
        columns = np.concatenate([np.arange(n + 1 - row) for row in range(n + 1)])
        at = (first[steps == n][:, None] + np.arange(len(rows))).ravel()
        i[at], j[at] = np.tile(rows, len(at) // len(rows)), np.tile(columns, len(at) // len(rows))
    return i, j


def _texel(start: Index, n: NDArray[np.int32], i: Index, j: Index) -> Index:
    """Return the index of the texel (i, j) on triangles with `n` steps whose first texel is `start`."""
    return np.asarray(start + i * (n.astype(np.int64) + 1) - i * (i - 1) // 2 + j, np.int64)
