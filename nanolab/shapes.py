"""Solid shapes as rows of numbers, which one compiled tracer draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class RandomSource(Protocol):
    """Source of random proportions: a numpy generator, or an object with these two methods of it."""

    def uniform(self, low: float, high: float) -> float: ...

    def random(self) -> float: ...


Row = NDArray[np.float32]
Vector = tuple[float, float, float]

BOX, FRUSTUM, CAPSULE, RING, ELLIPSOID = range(5)
ADD, CUT = 0, 1

# Material slots. BODY has the colour that the caption names; the others have fixed colours.
BODY, DARK, STEEL, LIGHT, GLOW, INNER, FLOOR, NOTHING = range(8)

# Columns of a row: kind 0, centre 1-3, world→local rotation 4-12, half elongation 13-15,
# parameters 16-20, bounding radius 21, material 22, blend radius 23, operation 24.
COLUMNS = 25


@dataclass(frozen=True)
class Shape:
    """One solid: its row for the tracer (25 float32) and its half extents before rotation (scene units)."""

    row: Row
    half: Vector

    def extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper corner (3 each) of the shape's axis-parallel bounding box."""
        reach = np.abs(self.row[4:13].reshape(3, 3).T.astype(float)) @ np.asarray(self.half)
        centre = self.row[1:4].astype(float)
        return centre - reach, centre + reach


def rotation_matrix(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    """Return the matrix (3, 3) that rotates about x, then y, then z; angles in degrees."""
    a, b, c = np.radians([x, y, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    matrix: NDArray[np.float64] = about_z @ about_y @ about_x
    return matrix


@dataclass(frozen=True)
class Placement:
    """Placement of a shape: centre, rotation (degrees), material slot, blending, cutting."""

    at: Vector = (0.0, 0.0, 0.0)
    rotation: Vector = (0.0, 0.0, 0.0)
    material: int = BODY
    blend: float = 0.0  # scene units over which the shape merges smoothly into those before it
    cut: bool = False  # subtract the shape from those before it
    stretch: Vector = (0.0, 0.0, 0.0)  # half lengths by which the shape is elongated along its axes
    matrix: NDArray[np.float64] | None = None  # used instead of `turned` when given


def _make_shape(kind: int, numbers: tuple[float, ...], half: Vector, place: Placement) -> Shape:
    row = np.zeros(COLUMNS, np.float32)
    rotation = rotation_matrix(*place.rotation) if place.matrix is None else place.matrix
    grown = (half[0] + place.stretch[0], half[1] + place.stretch[1], half[2] + place.stretch[2])
    row[0] = kind
    row[1:4] = place.at
    row[4:13] = rotation.T.ravel()
    row[13:16] = place.stretch
    row[16 : 16 + len(numbers)] = numbers
    row[21] = float(np.linalg.norm(grown))
    row[22] = place.material
    row[23] = place.blend
    row[24] = CUT if place.cut else ADD
    return Shape(row, grown)


def box(half: Vector, place: Placement, corner: float = 0.02) -> Shape:
    """Return a box with rounded edges; the half sizes include the rounding."""
    inner = tuple(max(side - corner, 1e-3) for side in half)
    return _make_shape(BOX, (*inner, corner), half, place)


def frustum(low: float, high: float, height: float, place: Placement, corner: float = 0.02) -> Shape:
    """Return an upright truncated cone: radius `low` at the bottom, `high` at the top, half height `height`."""
    wide = max(low, high)
    sizes = (max(low - corner, 1e-3), max(high - corner, 1e-3), max(height - corner, 1e-3), corner)
    return _make_shape(FRUSTUM, sizes, (wide, height, wide), place)


def capsule(radius: float, length: float, place: Placement) -> Shape:
    """Return a rod with round ends along y; `length` is half of its straight part."""
    return _make_shape(CAPSULE, (length, radius), (radius, length + radius, radius), place)


def rod(start: Vector, end: Vector, radius: float, place: Placement) -> Shape:
    """Return a rod with round ends from one point to another; of `place` it takes material and blend."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    along = last - first
    length = float(np.linalg.norm(along))
    up = along / length
    side = np.cross(up, [0.0, 0.0, 1.0] if abs(up[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    matrix = np.stack([side, up, np.cross(side, up)], axis=1)
    middle = (first + last) / 2
    where = Placement(
        (middle[0], middle[1], middle[2]), material=place.material, blend=place.blend, matrix=matrix
    )
    return capsule(radius, length / 2, where)


def ring(radius: float, thick: float, place: Placement, arc: float = 180.0) -> Shape:
    """Return a ring about local z, `arc` degrees to each side of local +y; `thick` is the tube's radius."""
    angle = np.radians(arc)
    reach = radius + thick
    return _make_shape(RING, (radius, thick, np.sin(angle), np.cos(angle)), (reach, reach, thick), place)


def ellipsoid(radii: Vector, place: Placement) -> Shape:
    """Return an ellipsoid with three radii."""
    return _make_shape(ELLIPSOID, radii, radii, place)


def bounding_box(shapes: list[Shape]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper corner (3 each) of the box around all shapes; those that cut do not count."""
    corners = [shape.extent() for shape in shapes if shape.row[24] == ADD]
    low = np.min([corner[0] for corner in corners], axis=0)
    high = np.max([corner[1] for corner in corners], axis=0)
    return low, high
