"""Clean solids for product models: turned profiles, swept tubes, rounded boxes. x right, y up, z front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.typing import NDArray
from shapely.geometry import Polygon, box
from shapely.ops import unary_union

Points = Sequence[tuple[float, ...]]
Array = NDArray[np.float64]

FEWEST, MOST = 14, 48  # sections of a turned solid, by its size
ROUND = 3  # segments of a quarter of a rounding


def sections_for(radius: float) -> int:
    """Return how many sections a round solid of this radius needs to look round."""
    return int(np.clip(14 + 110 * radius, FEWEST, MOST)) // 2 * 2


def lathe(profile: Points, rounding: float = 0.0, sections: int | None = None) -> trimesh.Trimesh:
    """Return the solid that a closed profile of points (radius, height) describes around the y axis.

    Convex and concave corners are rounded by `rounding`; the profile may touch the axis.
    """
    half = Polygon(profile)
    whole = unary_union([half, Polygon([(-x, y) for x, y in profile])])
    if rounding:
        whole = whole.buffer(rounding, quad_segs=ROUND).buffer(-2 * rounding, quad_segs=ROUND)
        whole = whole.buffer(rounding, quad_segs=ROUND)
    low, high = whole.bounds[1] - 1, whole.bounds[3] + 1
    section = whole.intersection(box(0, low, 1e3, high))
    outline = np.array(section.exterior.coords)[::-1]
    on_axis = np.flatnonzero(outline[:, 0] < 1e-9)
    if len(on_axis):  # an open path from the axis to the axis
        outline = outline[:-1]
        start = next(i for i in on_axis if outline[(i + 1) % len(outline), 0] > 1e-9)
        outline = np.roll(outline, -start, axis=0)
        last = max(i for i in range(len(outline)) if outline[i, 0] > 1e-9)
        outline = np.concatenate([outline[: last + 1], [[0.0, outline[(last + 1) % len(outline), 1]]]])
    solid = trimesh.creation.revolve(outline, sections=sections or sections_for(float(outline[:, 0].max())))
    solid.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    return _outward(solid)


def tube(path: Points, radius: float | Sequence[float], sections: int = 12) -> trimesh.Trimesh:
    """Return a round bar along `path`, with round ends; `radius` may change along it."""
    middle = np.array(path, np.float64)
    radii = np.broadcast_to(np.asarray(radius, np.float64), (len(middle),))
    ahead = np.gradient(middle, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead[0], [0.0, 0.0, 1.0] if abs(ahead[0][2]) < 0.9 else [1.0, 0.0, 0.0])
    rings, turn = [], np.linspace(0, 2 * np.pi, sections, endpoint=False)
    ends = [np.sin(angle) for angle in np.linspace(np.pi / 2, 0.4, 3)]
    for place, forward, size in _with_caps(middle, ahead, radii, ends):
        side = side - forward * (side @ forward)
        side /= np.linalg.norm(side)
        other = np.cross(forward, side)
        ring = np.outer(np.cos(turn), side) + np.outer(np.sin(turn), other)
        rings.append(place + max(size, 1e-6) * ring)
    return _outward(_skin(np.array(rings)))


def _with_caps(
    middle: Array, ahead: Array, radii: Array, ends: list[float]
) -> list[tuple[Array, Array, float]]:
    """Return place, direction and radius of the rings of a tube, with rounded ends."""
    first = [
        (middle[0] - ahead[0] * radii[0] * end, ahead[0], radii[0] * np.sqrt(max(1 - end * end, 0)))
        for end in ends
    ]
    last = [
        (middle[-1] + ahead[-1] * radii[-1] * end, ahead[-1], radii[-1] * np.sqrt(max(1 - end * end, 0)))
        for end in reversed(ends)
    ]
    return [*first, *zip(middle, ahead, radii, strict=True), *last]


def _skin(rings: Array, closed: bool = False) -> trimesh.Trimesh:
    """Return the surface through `rings` (n, sections, 3), with fans at its ends unless it is closed."""
    count, sections = rings.shape[:2]
    grid = np.arange(count * sections).reshape(count, sections)
    if closed:
        grid = np.concatenate([grid, grid[:1]])
    a, b = grid[:-1], grid[1:]
    c, d = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    faces = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([c, b, d], -1).reshape(-1, 3)]
    vertices = rings.reshape(-1, 3)
    if not closed:
        vertices = np.concatenate([vertices, [rings[0].mean(0), rings[-1].mean(0)]])
        for ring, center, way in ((grid[0], len(vertices) - 2, 1), (grid[-1], len(vertices) - 1, -1)):
            fan = np.stack([np.full(sections, center), ring, np.roll(ring, -1)], -1)
            faces.append(fan[:, ::way])
    return trimesh.Trimesh(vertices, np.concatenate(faces), process=False)


def ring(large: float, small: float, width: float | None = None) -> trimesh.Trimesh:
    """Return a torus around the y axis; `width` is its half height, if it differs from its half thickness `small`."""
    sections, around = sections_for(large), 12
    turn = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    round_ = np.linspace(0, 2 * np.pi, around, endpoint=False)
    high = small if width is None else width
    radius = large + small * _squared(np.cos(round_), width is not None)
    height = high * _squared(np.sin(round_), width is not None)
    rings = np.stack(
        [
            np.outer(np.cos(turn), radius),
            np.broadcast_to(height, (sections, around)),
            np.outer(np.sin(turn), radius),
        ],
        -1,
    )
    return _outward(_skin(rings, closed=True))


def _squared(value: Array, flat: bool) -> Array:
    """Return a coordinate of a circle, or of a rounded square."""
    return np.asarray(np.sign(value) * np.abs(value) ** 0.5 if flat else value, np.float64)


def rounded_box(size: tuple[float, float, float], radius: float) -> trimesh.Trimesh:
    """Return a box with these full lengths around the origin, its edges rounded by `radius`."""
    half = np.array(size) / 2 - radius
    ball = _ball_points(radius)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    return _outward(trimesh.convex.convex_hull(np.concatenate([ball + corner for corner in corners])))


def _ball_points(radius: float) -> Array:
    fine = 4 if radius < 0.012 else 8 if radius < 0.03 else 12
    angles = np.linspace(0, np.pi, fine // 2 + 1)
    turn = np.linspace(0, 2 * np.pi, fine, endpoint=False) + np.pi / fine
    return np.array(
        [
            [radius * np.sin(down) * np.cos(a), radius * np.cos(down), radius * np.sin(down) * np.sin(a)]
            for down in angles
            for a in turn
        ]
    )


def _outward(solid: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return a closed solid with its faces looking outwards and without empty ones."""
    solid.merge_vertices(digits_vertex=7)
    solid.update_faces(solid.nondegenerate_faces())
    solid.remove_unreferenced_vertices()
    if solid.volume < 0:
        solid.invert()
    return solid


def moved(
    solid: trimesh.Trimesh,
    x: float = 0.0,
    y: float = 0.0,
    z: float = 0.0,
    turn: tuple[float, float, float] = (0, 0, 0),
) -> trimesh.Trimesh:
    """Return a copy, turned about x, y and z by `turn` degrees in this order, then moved."""
    copy = solid.copy()
    angles = [float(np.radians(angle)) for angle in turn]
    copy.apply_transform(trimesh.transformations.euler_matrix(*angles))
    copy.apply_translation([x, y, z])
    return copy


def arc(
    center: tuple[float, float], radius: float, first: float, last: float, count: int = 24
) -> list[tuple[float, float]]:
    """Return points on an arc of a plane, from `first` to `last` degrees."""
    angles = np.radians(np.linspace(first, last, count))
    return [(center[0] + radius * float(np.cos(a)), center[1] + radius * float(np.sin(a))) for a in angles]
