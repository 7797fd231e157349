"""Camera views of a product, and their G-buffer by sphere tracing: all pixel data but style and colour.

numba compiles the tracer; it is single-threaded and deterministic.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nanolab.products import Product
from nanolab.shapes import FLOOR, NOTHING

NJIT_OPTIONS = {"fastmath": True, "cache": True, "nogil": True}

BLOCK = 12  # pixels: rays of one block share a first, coarse march

FAR_DISTANCE = 1e9


@njit(inline="always", **NJIT_OPTIONS)
def _clamp(value, low, high):
    return low if value < low else (high if value > high else value)


@njit(**NJIT_OPTIONS)
def _shape_distance(row, x, y, z):
    """Return the signed distance from the point (x, y, z) to one shape."""
    x, y, z = x - row[1], y - row[2], z - row[3]
    px = row[4] * x + row[5] * y + row[6] * z
    py = row[7] * x + row[8] * y + row[9] * z
    pz = row[10] * x + row[11] * y + row[12] * z
    px -= _clamp(px, -row[13], row[13])
    py -= _clamp(py, -row[14], row[14])
    pz -= _clamp(pz, -row[15], row[15])
    kind = int(row[0])
    if kind == 0:
        return _box_distance(px, py, pz, row)
    if kind == 1:
        return _frustum_distance(sqrt(px * px + pz * pz), py, row[16], row[17], row[18]) - row[19]
    if kind == 2:
        py -= _clamp(py, -row[16], row[16])
        return sqrt(px * px + py * py + pz * pz) - row[17]
    if kind == 3:
        return _ring_distance(abs(px), py, pz, row)
    return _ellipsoid_distance(px, py, pz, row)


@njit(inline="always", **NJIT_OPTIONS)
def _box_distance(x, y, z, row):
    x, y, z = abs(x) - row[16], abs(y) - row[17], abs(z) - row[18]
    ox, oy, oz = max(x, 0.0), max(y, 0.0), max(z, 0.0)
    return sqrt(ox * ox + oy * oy + oz * oz) + min(max(x, max(y, z)), 0.0) - row[19]


@njit(inline="always", **NJIT_OPTIONS)
def _frustum_distance(q, y, low, high, half):
    ax = q - min(q, low if y < 0.0 else high)
    ay = abs(y) - half
    kx, ky = high - low, 2.0 * half
    along = _clamp(((high - q) * kx + (half - y) * ky) / (kx * kx + ky * ky), 0.0, 1.0)
    bx, by = q - high + kx * along, y - half + ky * along
    sign = -1.0 if (bx < 0.0 and ay < 0.0) else 1.0
    return sign * sqrt(min(ax * ax + ay * ay, bx * bx + by * by))


@njit(inline="always", **NJIT_OPTIONS)
def _ring_distance(x, y, z, row):
    reach = x * row[18] + y * row[19] if row[19] * x > row[18] * y else sqrt(x * x + y * y)
    return sqrt(max(x * x + y * y + z * z + row[16] * row[16] - 2.0 * row[16] * reach, 0.0)) - row[17]


@njit(inline="always", **NJIT_OPTIONS)
def _ellipsoid_distance(x, y, z, row):
    ax, ay, az = x / row[16], y / row[17], z / row[18]
    k0 = sqrt(ax * ax + ay * ay + az * az)
    bx, by, bz = ax / row[16], ay / row[17], az / row[18]
    k1 = sqrt(bx * bx + by * by + bz * bz)
    return k0 * (k0 - 1.0) / max(k1, 1e-9)


@njit(**NJIT_OPTIONS)
def product_distance(rows, x, y, z):
    """Return the signed distance from a point to the product, and the material slot of the nearest shape."""
    best, material = FAR_DISTANCE, 7.0
    for i in range(rows.shape[0]):
        row = rows[i]
        dx, dy, dz = x - row[1], y - row[2], z - row[3]
        reach = best + row[21] + row[23]
        cut = row[24] == 1.0
        if cut:
            reach = row[21]  # beyond its bounding ball, a cut does not change the distance
        if reach < 1e4 and dx * dx + dy * dy + dz * dz > reach * reach:
            continue
        d = _shape_distance(row, x, y, z)
        if cut:
            if -d > best:
                best, material = -d, row[22]
        elif row[23] > 0.0 and best < FAR_DISTANCE:
            h = max(row[23] - abs(best - d), 0.0) / row[23]
            if d < best:
                material = row[22]
            best = min(best, d) - h * h * row[23] * 0.25
        elif d < best:
            best, material = d, row[22]
    return best, material


@njit(**NJIT_OPTIONS)
def _march(rows, o, dx, dy, dz, start, stop, slope, steps):
    """March along a ray until the surface is nearer than slope·t; return t, or -1 if the ray misses."""
    t = start
    for _ in range(steps):
        d, _m = product_distance(rows, o[0] + dx * t, o[1] + dy * t, o[2] + dz * t)
        if d < slope * t:
            return t
        t += d
        if t > stop:
            return -1.0
    return -1.0 if slope < 0.001 and d > 0.004 * t else t


@njit(**NJIT_OPTIONS)
def _shadow(rows, x, y, z, light, soft, ball):
    """Return the light that reaches a point, 0..1; a larger `soft` makes harder shadows, `ball` bounds the product."""
    cx, cy, cz = ball[0] - x, ball[1] - y, ball[2] - z
    near = cx * light[0] + cy * light[1] + cz * light[2]
    off = sqrt(max(cx * cx + cy * cy + cz * cz - near * near, 0.0))
    if near < -ball[3] or off - ball[3] > max(near, 0.0) / soft + 0.02:
        return 1.0
    lit, t, stop = 1.0, 0.02, near + ball[3]
    for _ in range(28):
        d, _m = product_distance(rows, x + light[0] * t, y + light[1] * t, z + light[2] * t)
        lit = min(lit, soft * d / t)
        if lit < -1.0 or t > stop:
            break
        t += _clamp(d, 0.015, 0.25)
    lit = _clamp(lit, -1.0, 1.0)
    return 0.25 * (1.0 + lit) * (1.0 + lit) * (2.0 - lit)


@njit(**NJIT_OPTIONS)
def _occlusion(rows, x, y, z, nx, ny, nz, scale):
    """Return the openness of a point, 0..1 (ambient occlusion by product and floor), by five probes on its normal."""
    dark, weight = 0.0, 1.0
    for i in range(5):
        h = scale * (0.02 + 0.07 * i)
        d, _m = product_distance(rows, x + nx * h, y + ny * h, z + nz * h)
        d = min(d, y + ny * h)
        dark += max(h - d, 0.0) * weight
        weight *= 0.72
    return _clamp(1.0 - 1.7 * dark / scale, 0.0, 1.0)


@njit(**NJIT_OPTIONS)
def _block_starts(rows, eye, axes, focal, cx, cy, height, width, near, stop):
    """Return the start length of rays per block of pixels, or -1 where no ray of the block can meet the product."""
    tall, wide = (height + BLOCK - 1) // BLOCK, (width + BLOCK - 1) // BLOCK
    starts = np.empty((tall, wide), np.float32)
    slope = 0.75 * BLOCK / focal
    for j in range(tall):
        for i in range(wide):
            u = ((i + 0.5) * BLOCK - cx) / focal
            v = (cy - (j + 0.5) * BLOCK) / focal
            d = _ray_direction(axes, u, v)
            starts[j, i] = _march(rows, eye, d[0], d[1], d[2], near, stop, slope, 40)
    return starts


@njit(inline="always", **NJIT_OPTIONS)
def _ray_direction(axes, u, v):
    x = axes[2, 0] + u * axes[0, 0] + v * axes[1, 0]
    y = axes[2, 1] + u * axes[0, 1] + v * axes[1, 1]
    z = axes[2, 2] + u * axes[0, 2] + v * axes[1, 2]
    n = 1.0 / sqrt(x * x + y * y + z * z)
    return x * n, y * n, z * n


@njit(**NJIT_OPTIONS)
def _surface_normal(rows, x, y, z):
    e = 0.0012
    a, _m = product_distance(rows, x + e, y - e, z - e)
    b, _m = product_distance(rows, x - e, y - e, z + e)
    c, _m = product_distance(rows, x - e, y + e, z - e)
    d, _m = product_distance(rows, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, -a - b + c + d, -a + b - c + d
    n = 1.0 / max(sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
    return nx * n, ny * n, nz * n


@njit(**NJIT_OPTIONS)
def _intersect(rows, eye, dx, dy, dz, start, stop, gap):
    """Intersect a ray with product and floor: return length (-1: no hit), material slot and normal."""
    t = start
    if t > 0.0:
        t = _march(rows, eye, dx, dy, dz, t, stop, 0.0004, 64)
    if t > 0.0:
        x, y, z = eye[0] + dx * t, eye[1] + dy * t, eye[2] + dz * t
        nx, ny, nz = _surface_normal(rows, x, y, z)
        return t, int(product_distance(rows, x, y, z)[1]), nx, ny, nz
    if dy < -1e-4 and -eye[1] / dy < 4.0 * gap:
        return -eye[1] / dy, FLOOR, 0.0, 1.0, 0.0
    return -1.0, NOTHING, 0.0, 0.0, 0.0


@njit(**NJIT_OPTIONS)
def trace(rows, eye, axes, focal, cx, cy, light, ball, height, width):
    """Trace the G-buffer, planes (h, w): material uint8, normal (h, w, 3), ray length, lit and openness 0..1."""
    material = np.full((height, width), NOTHING, np.uint8)
    normal = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    lit = np.ones((height, width), np.float32)
    openness = np.ones((height, width), np.float32)
    gap = sqrt((ball[0] - eye[0]) ** 2 + (ball[1] - eye[1]) ** 2 + (ball[2] - eye[2]) ** 2)
    near, stop = max(gap - 1.3 * ball[3], 0.05), gap + 1.3 * ball[3]
    starts = _block_starts(rows, eye, axes, focal, cx, cy, height, width, near, stop)
    for j in range(height):
        for i in range(width):
            dx, dy, dz = _ray_direction(axes, (i + 0.5 - cx) / focal, (cy - j - 0.5) / focal)
            t, slot, nx, ny, nz = _intersect(rows, eye, dx, dy, dz, starts[j // BLOCK, i // BLOCK], stop, gap)
            if t < 0.0:
                continue
            material[j, i], depth[j, i] = slot, t
            normal[j, i, 0], normal[j, i, 1], normal[j, i, 2] = nx, ny, nz
            # Start a little off the surface, or it would shadow itself.
            x, y, z = eye[0] + dx * t + nx * 0.01, eye[1] + dy * t + ny * 0.01, eye[2] + dz * t + nz * 0.01
            facing = nx * light[0] + ny * light[1] + nz * light[2]
            lit[j, i] = _shadow(rows, x, y, z, light, 7.0, ball) if facing > 0.0 else 0.0
            apart = (x - ball[0]) ** 2 + (z - ball[2]) ** 2
            if slot != FLOOR or apart < 1.7 * ball[3] * ball[3]:
                openness[j, i] = _occlusion(rows, x, y, z, nx, ny, nz, ball[3])
    return material, normal, depth, lit, openness


Floats = NDArray[np.float32]


# Azimuths of a catalogue's views, degrees: turned a little, so that front and side show depth.
CATALOG_AZIMUTHS = {"front": 11.0, "three-quarter": 40.0, "side": 77.0, "back": 146.0}


@dataclass(frozen=True)
class CameraView:
    """Camera that looks at the product, and direction of the key light."""

    azimuth: float = 35.0  # degrees; 0 front, 90 the product's left side turned to the camera, 180 back
    elevation: float = 18.0  # degrees above the floor
    roll: float = 0.0  # degrees; the image content turns clockwise
    scale: float = 0.86  # longest side of the product over the shorter side of the frame
    x: float = 0.0  # product centre, in frame widths to the right of the middle
    y: float = 0.0  # product centre, in frame heights below the middle
    light: float = -40.0  # degrees around the product, from the camera; negative: from the left
    height: float = 50.0  # degrees of the light above the floor

    def name(self) -> str:
        """Return the view's name: front, three-quarter, side or back."""
        turn = abs((self.azimuth + 180.0) % 360.0 - 180.0)
        if turn < 22.5:
            return "front"
        if turn < 67.5:
            return "three-quarter"
        return "side" if turn < 112.5 else "back"


@dataclass(frozen=True)
class GBuffer:
    """G-buffer: planes (h, w) of all pixel data that does not depend on style or colour."""

    view: CameraView
    material: NDArray[np.uint8]  # material slot; FLOOR and NOTHING outside the product
    normal: Floats  # (h, w, 3), unit, scene axes, y up
    depth: Floats  # along the ray, scene units; inf in the background
    lit: Floats  # 0 in full shadow of the key light, 1 in full light
    open: Floats  # 1 in the open, less in corners (ambient occlusion)
    light: Floats  # (3,) unit vector towards the key light
    eye: Floats  # (h, w, 3) unit vectors from surface towards the camera
    upright: Floats  # (h, w, 2) pixel coordinates (-1..1 along the shorter side), without the camera's roll

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Mask (h, w), True on the product."""
        return self.material < FLOOR

    def bounds(self) -> tuple[slice, slice]:
        """Return the rows and columns of the product, two pixels wider; the whole frame if it is not visible."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if not len(rows):
            return slice(None), slice(None)
        return _padded_slice(rows), _padded_slice(columns)

    def crop(self, window: tuple[slice, slice]) -> GBuffer:
        """Crop the buffer to a window (rows, columns) of the frame."""
        planes = ("material", "normal", "depth", "lit", "open", "eye", "upright")
        return replace(self, **{name: getattr(self, name)[window] for name in planes})


def _padded_slice(found: NDArray[np.intp]) -> slice:
    return slice(max(int(found[0]) - 2, 0), int(found[-1]) + 3)


def _level_axes(view: CameraView) -> NDArray[np.float64]:
    """Return the camera's axes without roll: rows right, up, forward (3, 3)."""
    a, e = np.radians(view.azimuth), np.radians(view.elevation)
    forward = -np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(right, forward), forward])


def camera_axes(view: CameraView) -> NDArray[np.float64]:
    """Return the camera's axes with its roll: rows right, up, forward (3, 3)."""
    return _roll_axes(_level_axes(view), view.roll)


def _roll_axes(axes: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([c * axes[0] + s * axes[1], -s * axes[0] + c * axes[1], axes[2]])


def _projected_box(
    corners: NDArray[np.float64], axes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    seen = corners @ axes.T
    flat = seen[:, :2] / seen[:, 2:]
    return flat.min(0), flat.max(0)


def trace_gbuffer(product: Product, view: CameraView, size: tuple[int, int]) -> GBuffer:
    """Trace the product's G-buffer of (height, width) pixels."""
    height, width = size
    low, high = product.extent()
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low) / 2)
    axes = _level_axes(view)
    eye = middle - axes[2] * radius * 5.5
    grid = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    corners = low + grid * (high - low) - eye
    least, most = _projected_box(corners, axes)
    focal = view.scale * min(height, width) / float((most - least).max())
    axes = _roll_axes(axes, view.roll)
    least, most = _projected_box(corners, axes)
    aim = (least + most) / 2
    cx, cy = width * (0.5 + view.x) - focal * aim[0], height * (0.5 + view.y) + focal * aim[1]
    light = _light_direction(view)
    ball = np.array([*middle, radius])
    camera = (eye, axes, focal, cx, cy)
    material, normal, depth, lit, clear = trace(product.rows(), *camera, light, ball, height, width)
    towards, upright = -_view_directions(axes, focal, cx, cy, size), _upright_coordinates(view, size)
    return GBuffer(view, material, normal, depth, lit, clear, light.astype(np.float32), towards, upright)


def _light_direction(view: CameraView) -> NDArray[np.float64]:
    a, h = np.radians(view.azimuth + view.light), np.radians(view.height)
    return np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)])


def _view_directions(
    axes: NDArray[np.float64], focal: float, cx: float, cy: float, size: tuple[int, int]
) -> Floats:
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    flat = np.stack([(x - cx) / focal, (cy - y) / focal, np.ones(size)], -1) @ axes
    return np.asarray(flat / np.linalg.norm(flat, axis=-1, keepdims=True), np.float32)


def _upright_coordinates(view: CameraView, size: tuple[int, int]) -> Floats:
    short = min(size)
    y, x = (np.mgrid[0 : size[0], 0 : size[1]] + 0.5).astype(np.float32)
    x, y = (2 * x - size[1]) / short, (2 * y - size[0]) / short
    c, s = np.cos(np.radians(view.roll)), np.sin(np.radians(view.roll))
    return np.stack([c * x + s * y, -s * x + c * y], -1).astype(np.float32)
