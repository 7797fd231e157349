"""Smooth normals of a mesh: faces that meet at less than a crease's angle share a normal at their common corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animator.product.view import Doubles, Floats

CREASE = 40.0  # degrees


def smooth_normals(vertices: Doubles, faces: NDArray[np.int32], crease: float = CREASE) -> Floats:
    """Return the unit normals at the corners of each face, float32 (F, 3, 3).

    Corners at one place share a normal if their faces are joined there by edges with less than `crease` degrees
    between them; each face counts by its angle at the corner. Faces without an area have normals of 0.
    """
    if not len(faces):
        return np.zeros((0, 3, 3), np.float32)
    place = _merged(vertices)[faces]
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    flat = across / np.where(length > 0, length, 1)
    group = _corner_groups(place, flat, np.cos(np.radians(crease)))
    weight = _corner_angles(corners).ravel()[:, None] * np.repeat(flat, 3, axis=0)
    total = np.stack([np.bincount(group, weight[:, axis]) for axis in range(3)], -1)
    size = np.linalg.norm(total, axis=-1, keepdims=True)
    normals = (total / np.where(size > 1e-12, size, 1))[group].reshape(-1, 3, 3)
    return np.asarray(normals, np.float32)


def _merged(vertices: Doubles) -> NDArray[np.int64]:
    """Return a number for each vertex, alike for vertices at one place."""
    extent = max(float(np.ptp(vertices, axis=0).max()), 1e-30)
    rounded = np.round((vertices - vertices.min(0)) / (extent * 1e-7)).astype(np.int64)
    return np.asarray(np.unique(rounded, axis=0, return_inverse=True)[1].ravel(), np.int64)


def _corner_groups(place: NDArray[np.int64], flat: Doubles, least: float) -> NDArray[np.int32]:
    """Return the number of the group of each corner (3 * F,): corners that share a normal."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(place)
    first, second = place.ravel(), place[:, [1, 2, 0]].ravel()
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((high, low))
    same = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)
    one, other = order[:-1][same], order[1:][same]  # edges, by the corner that they begin at
    smooth = np.einsum("ei,ei->e", flat[one // 3], flat[other // 3]) > least
    one, other = one[smooth], other[smooth]
    turned = first[one] != first[other]  # neighbours run along their edge in opposite directions
    begin, end = np.where(turned, _next(other), other), np.where(turned, other, _next(other))
    rows, columns = np.concatenate([one, _next(one)]), np.concatenate([begin, end])
    graph = coo_matrix((np.ones(len(rows), np.bool_), (rows, columns)), shape=(3 * count, 3 * count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def _next(corner: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the corner after each `corner` (n,) of its face."""
    return corner // 3 * 3 + (corner + 1) % 3


def _corner_angles(corners: Doubles) -> Doubles:
    """Return the angle of each face at its corners, radians (F, 3)."""
    ahead, behind = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    lengths = np.linalg.norm(ahead, axis=-1) * np.linalg.norm(behind, axis=-1)
    cosine = np.einsum("fci,fci->fc", ahead, behind) / np.where(lengths > 0, lengths, 1)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)), np.float64)
