"""Analytic solids as triangles: a sphere, a box and a torus with exact normals, and views of them."""

from __future__ import annotations

import numpy as np

from animator.frame import Motion
from animator.imaging.geometry import Lens
from animator.product.triangles import Geometry
from animator.product.view import View

LENS = Lens(256, 192)
MIDDLE = np.array([0.0, 0.0, LENS.focal])


def at(x: float, y: float, z: float) -> np.ndarray:
    """A place beside the middle of the view."""
    return MIDDLE + np.array([x, y, z])


def grid(rows: int, columns: int) -> np.ndarray:
    """Triangles over a grid of (rows + 1) × (columns + 1) points."""
    corner = np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)
    a, b, c, d = corner, corner + 1, corner + columns + 1, corner + columns + 2
    return np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)


def solid(vertices, faces, normals, color=(0.6, 0.6, 0.6)) -> Geometry:
    part = np.zeros(len(faces), np.int32)
    return Geometry(vertices, faces, normals[faces].astype(np.float32), part, np.array([color], np.float32))


def sphere(radius: float, center=MIDDLE, fine: int = 128) -> Geometry:
    down, round_ = np.meshgrid(
        np.linspace(0, np.pi, fine + 1), np.linspace(0, 2 * np.pi, 2 * fine + 1), indexing="ij"
    )
    normals = np.stack(
        [np.sin(down) * np.cos(round_), -np.cos(down), np.sin(down) * np.sin(round_)], -1
    ).reshape(-1, 3)
    return solid(center + radius * normals, grid(fine, 2 * fine), normals)


def torus(ring: float, tube: float, center=MIDDLE, fine: int = 128) -> Geometry:
    """A torus round the axis z."""
    a, b = np.meshgrid(
        np.linspace(0, 2 * np.pi, 2 * fine + 1), np.linspace(0, 2 * np.pi, fine + 1), indexing="ij"
    )
    normals = np.stack([np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)], -1).reshape(-1, 3)
    middle = np.stack([np.cos(a), np.sin(a), 0 * a], -1).reshape(-1, 3)
    return solid(center + ring * middle + tube * normals, grid(2 * fine, fine), normals)


BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]], np.int32)  # fmt: skip


def box_corners(size: float, center=MIDDLE) -> np.ndarray:
    return center + size * (np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) - 0.5)


def box(size: float, center=MIDDLE) -> Geometry:
    return Geometry.flat(box_corners(size, center), BOX_FACES)


def together(*solids: Geometry) -> Geometry:
    """The solids as one geometry, each a part of its own."""
    starts = np.cumsum([0] + [len(one.vertices) for one in solids])
    return Geometry(
        np.concatenate([one.vertices for one in solids]),
        np.concatenate([one.faces + start for one, start in zip(solids, starts, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([one.normals for one in solids]),
        np.repeat(np.arange(len(solids)), [len(one.faces) for one in solids]).astype(np.int32),
        np.concatenate([one.colors for one in solids]),
    )


def look(lens: Lens = LENS, **motion: float) -> View:
    return View(lens.position_pose(Motion(**motion)), lens)


def sphere_depths(view: View, radius: float, samples: int, center=MIDDLE) -> np.ndarray:
    """Depth of the sphere along each ray of the view, infinite beside it."""
    origin, rays = view.rays(samples)
    rays = rays.astype(np.float64)
    a = (rays**2).sum(-1)
    b = rays @ (origin - center)
    c = ((origin - center) ** 2).sum() - radius**2
    inside = b * b - a * c
    return np.where(inside > 0, (-b - np.sqrt(np.maximum(inside, 0))) / a, np.inf)
