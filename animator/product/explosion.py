"""Exploded views: the parts of a product moved apart along an axis, in the order in which they lie on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from animator.product.triangles import Geometry
from animator.product.view import Doubles

SAME_LEVEL = 0.02  # of the extent: parts whose middles lie this close along the axis stay together

# Directions of the product's axes in the film's world (x right, y down, z away), as seen from its front.
AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def explode(geometry: Geometry, amount: float, axis: str = "y") -> Geometry:
    """Return `geometry` with its parts spread along `axis` over `amount` of the product's extent.

    The first and the last part move half of it each, the others lie at even distances between them. Faces keep their
    order, so that texels keep their places on them.
    """
    if not amount or not len(geometry.faces):
        return geometry
    shifts = part_shifts(geometry, axis) * amount
    corners = geometry.vertices[geometry.faces] + shifts[geometry.part][:, None]
    faces = np.arange(3 * len(geometry.faces), dtype=np.int32).reshape(-1, 3)
    return replace(geometry, vertices=np.asarray(corners.reshape(-1, 3), np.float64), faces=faces)


def part_shifts(geometry: Geometry, axis: str) -> Doubles:
    """Return the way of each part in a view exploded by 1, in the geometry's unit, (parts, 3)."""
    direction = np.array(AXES[axis])
    return np.asarray(geometry.extent * _levels(geometry, direction)[:, None] * direction, np.float64)


def _levels(geometry: Geometry, direction: Doubles) -> Doubles:
    """Return the place of each part along the axis, -0.5 for the first … 0.5 for the last, (parts,)."""
    heights = geometry.vertices[geometry.faces] @ direction
    parts = len(geometry.colors)
    middles = np.zeros(parts)
    for part in range(parts):
        own = heights[geometry.part == part]
        middles[part] = (own.min() + own.max()) / 2 if own.size else 0.0
    order = np.argsort(middles, kind="stable")
    steps = np.diff(middles[order]) > SAME_LEVEL * geometry.extent
    rank = np.empty(parts)
    rank[order] = np.concatenate([[0], np.cumsum(steps)])
    return np.asarray(rank / max(rank.max(), 1) - 0.5 * bool(rank.max()), np.float64)
