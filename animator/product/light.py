"""Studio light on the product and its floor: a soft key light, a fill light and the sky, with soft shadows.

Factors are linear light: 1 is a white surface that faces the key light. Soft shadows come from a few rays per pixel
in fixed directions. Blocks of 3 × 3 pixels share nine times as many directions and are averaged where their surfaces
lie close together, so shadows are smooth and always repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.product.caster import Caster
from animator.product.hits import Hits
from animator.product.passes import depth
from animator.product.triangles import CHUNK
from animator.product.view import TO_EYE_AXES, Doubles, Floats, View

PHASES = 3  # pixels along each side of a block that shares directions
LIFT = 5e-4  # of the extent: distance of a shadow ray's origin from the surface
SKY_REACH = 0.4  # of the extent: distance within which the product hides the sky
AMBIENT = 0.3  # share of fill and sky that remains where the lamps are off
FLOOR_SIDE = 512  # pixels of the longer side at which the floor's shadow is computed, at most
UP = np.array([0.0, -1.0, 0.0])
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True, slots=True)
class Light:
    """Lights by direction: right, up, towards the camera, as seen by a camera that is level. Strengths are linear."""

    key: float = 0.72
    fill: float = 0.14
    sky: float = 0.27
    key_from: tuple[float, float, float] = (-0.413, 0.766, 0.492)  # 40 degrees to the left, 50 degrees high
    fill_from: tuple[float, float, float] = (0.7, 0.2, 0.69)
    softness: float = 0.2  # sine of half the angle that the key light fills
    turns: bool = (
        True  # with the camera, round the vertical; else it stands as before a camera that has not moved
    )

    def towards(self, view: View, direction: tuple[float, float, float]) -> Doubles:
        """Return the unit vector (3,) in the world towards a light that shines from `direction`."""
        axes = level_axes(view) if self.turns else TO_EYE_AXES
        return np.asarray(np.array(direction) @ axes / np.linalg.norm(direction), np.float64)


def level_axes(view: View) -> Doubles:
    """Return right, up and towards the camera (3, 3) of `view` without its tilt and roll, in the world."""
    right, up, back = view.axes
    flat = back if np.hypot(back[0], back[2]) > 1e-3 else np.sign(back[1]) * up
    x, z = flat[0] / np.hypot(flat[0], flat[2]), flat[2] / np.hypot(flat[0], flat[2])
    side = np.array([-z, 0, x])
    return np.stack([side if side @ right >= 0 else -side, UP, [x, 0, z]])


@dataclass(frozen=True, eq=False)
class Shade:
    """Light on the product: of the key and of the rest, per hit (n,), and their open shares per pixel (h, w)."""

    key: Floats
    rest: Floats
    key_open: Floats
    rest_open: Floats

    def scaled(self, lamps: float) -> Shade:
        """Return the light of lamps `lamps` times as bright; a part of the sky's light does not depend on them."""
        sky = AMBIENT + (1 - AMBIENT) * lamps
        return Shade(_f32(self.key * lamps), _f32(self.rest * sky), self.key_open, self.rest_open)

    def over(self, hits: Hits, colors: Floats | None = None) -> Floats:
        """Return the light of each pixel, float32 (h, w, c), from parts with `colors` (parts, c), by default white.

        Light is weighted by coverage, as `Hits.mean` is.
        """
        colors = np.ones((len(hits.geometry.colors), 1), np.float32) if colors is None else colors
        lit = np.empty((hits.view.height, hits.view.width, colors.shape[1]), np.float32)
        for channel, levels in enumerate(colors.T):
            color = levels[hits.parts]
            key, rest = (hits.mean((color * light)[:, None])[..., 0] for light in (self.key, self.rest))
            lit[..., channel] = key * self.key_open + rest * self.rest_open
        return lit


def shade(hits: Hits, light: Light | None = None, caster: Caster | None = None, rays: int = 4) -> Floats:
    """Return the factor of linear light at each pixel, averaged over the product's samples, float32 (h, w).

    It is 0 outside. With a `caster`, the product casts soft shadows on itself, by 2 * `rays` rays per pixel.
    """
    lit = measure_light(hits, light or Light(), caster, rays).over(hits)[..., 0]
    return _f32(lit / np.where(hits.coverage > 0, hits.coverage, 1))


def measure_light(hits: Hits, light: Light, caster: Caster | None = None, rays: int = 4) -> Shade:
    """Return the light on the product; without a `caster`, all of it is open."""
    view, normal = hits.view, hits.normals
    key = light.key * _soft_cosine(normal @ _f32(light.towards(view, light.key_from)), light.softness)
    fill = light.fill * _soft_cosine(normal @ _f32(light.towards(view, light.fill_from)), 0.5)
    sky = light.sky * (0.65 - 0.35 * normal[:, 1])
    full = np.ones((view.height, view.width), np.float32)
    if caster is None or not len(hits.found):
        return Shade(_f32(key), _f32(fill + sky), full, full)
    return Shade(_f32(key), _f32(fill + sky), *_open_shares(hits, light, caster, rays))


def _f32(values: NDArray[np.floating]) -> Floats:
    return np.asarray(values, np.float32)


def _soft_cosine(cosine: Floats, softness: float) -> Floats:
    """Return max(cosine, 0), rounded off round 0 as for a light whose half angle has the sine `softness`."""
    if not softness:
        return np.maximum(cosine, 0)
    edge = np.clip(cosine + softness, 0, 2 * softness)
    return np.where(cosine > softness, cosine, edge**2 / (4 * softness))


def _open_shares(hits: Hits, light: Light, caster: Caster, rays: int) -> tuple[Floats, Floats]:
    """Return the shares of the key light and of the sky that reach each pixel, 0..1, (h, w); 1 outside."""
    near = hits.nearest
    at = np.flatnonzero(near.ravel() >= 0)
    y, x = np.divmod(at, hits.view.width)
    phase = y % PHASES * PHASES + x % PHASES
    key, sky = np.ones(near.shape, np.float32), np.ones(near.shape, np.float32)
    keys = _key_directions(light, hits.view, rays)
    for first in range(0, len(at), CHUNK):
        part = slice(first, first + CHUNK)
        samples = near.ravel()[at[part]]
        normal = hits.normals_of(samples)
        origins = _lifted(hits, samples, normal)
        key.ravel()[at[part]] = _open_key(caster, origins, normal, keys[phase[part]])
        sky.ravel()[at[part]] = _open_sky(caster, origins, normal, phase[part], rays)
    depths = depth(hits)
    return _averaged(key, depths, hits), _averaged(sky, depths, hits)


def _lifted(hits: Hits, samples: NDArray[np.int64], normal: Floats) -> Floats:
    """Return the origins (n, 3) of shadow rays: above the faces, where the smooth surface would lie.

    Hanika, "Hacking the Shadow Terminator", Ray Tracing Gems II, chapter 4: the point is moved to the average of its
    projections on the tangent planes at the face's corners.
    """
    shape, face = hits.geometry, hits.triangle.ravel()[samples]
    points = hits.points_of(samples)
    corners = shape.vertices[shape.faces[face]].astype(np.float32)
    tangents = np.nan_to_num(shape.normals[face]) * (shape.winding[face] * hits.sides[face])[:, None, None]
    u, v = hits.u.ravel()[samples], hits.v.ravel()[samples]
    under = np.minimum(np.einsum("nci,nci->nc", points[:, None] - corners, tangents), 0)
    weights = np.stack([1 - u - v, u, v], -1) * under
    return _f32(
        points - np.einsum("nc,nci->ni", weights, tangents) + normal * np.float32(LIFT * shape.extent)
    )


def _disc(rays: int) -> tuple[Floats, Floats]:
    """Return x and y of points that fill a unit disc evenly, (phases, rays): Vogel's spiral, 1979."""
    count = rays * PHASES**2
    number = np.arange(count).reshape(rays, PHASES**2).T
    radius, angle = np.sqrt((number + 0.5) / count), number * GOLDEN_ANGLE
    return _f32(radius * np.cos(angle)), _f32(radius * np.sin(angle))


def _key_directions(light: Light, view: View, rays: int) -> Floats:
    """Return the directions towards points of the key light in the world, (phases, rays, 3)."""
    middle = _f32(light.towards(view, light.key_from))
    x, y = _disc(rays)
    right, up = _frames(middle[None])
    return _f32(middle + light.softness * (x[..., None] * right + y[..., None] * up))


def _frames(normal: Floats) -> tuple[Floats, Floats]:
    """Return two unit vectors (n, 3) at right angles to `normal` and to each other.

    Duff et al., "Building an Orthonormal Basis, Revisited", JCGT 6 (1), 2017.
    """
    x, y, z = normal[:, 0], normal[:, 1], normal[:, 2]
    sign = np.where(z < 0, -1, 1).astype(np.float32)
    a = -1 / (sign + z)
    b = x * y * a
    return (
        np.stack([1 + sign * x * x * a, sign * b, -sign * x], -1),
        np.stack([b, sign + y * y * a, -y], -1),
    )


def _open_key(caster: Caster, origins: Floats, normal: Floats, directions: Floats) -> Floats:
    """Return the share (n,) of the key light in `directions` (n, rays, 3) that is not hidden."""
    whole, reached = np.zeros(len(origins), np.float32), np.zeros(len(origins), np.float32)
    for number in range(directions.shape[1]):
        towards = directions[:, number]
        cosine = np.einsum("ni,ni->n", towards, normal)
        ahead = np.flatnonzero(cosine > 0)
        clear = ~caster.occluded(origins[ahead], towards[ahead])
        whole[ahead] += cosine[ahead]
        reached[ahead] += cosine[ahead] * clear
    return np.where(whole > 0, reached / np.where(whole > 0, whole, 1), 1)


def _open_sky(
    caster: Caster,
    origins: Floats,
    normal: Floats,
    phase: NDArray[np.integer],
    rays: int,
    reach: float = SKY_REACH,
) -> Floats:
    """Return the share (n,) of the sky over `normal`, weighted by cosine, that nothing within `reach` hides."""
    x, y = _disc(rays)
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    right, up = _frames(normal)
    reached = np.zeros(len(origins), np.float32)
    for number in range(rays):
        across, along, out = (some[phase, number, None] for some in (x, y, z))
        towards = across * right + along * up + out * normal
        reached += ~caster.occluded(origins, towards, reach * caster.geometry.extent)
    return _f32(reached / rays)


def _averaged(share: Floats, depths: Floats, hits: Hits) -> Floats:
    """Return `share` averaged over the pixels round each whose surfaces lie close in depth."""
    rows, columns = hits.box
    inner_depth = np.where(np.isfinite(depths), depths, np.float32(-1e9))[rows, columns]
    inner = share[rows, columns]
    total, weight = np.zeros_like(inner), np.zeros_like(inner)
    edge = PHASES // 2
    wide_depth = cv2.copyMakeBorder(inner_depth, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    wide = cv2.copyMakeBorder(inner, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    height, width = inner.shape
    for y in range(PHASES):
        for x in range(PHASES):
            close = np.abs(wide_depth[y : y + height, x : x + width] - inner_depth) < 2 * hits.slack
            total += wide[y : y + height, x : x + width] * close
            weight += close
    made = share.copy()
    made[rows, columns] = total / np.maximum(weight, 1)
    return made


def floor_shadow(
    caster: Caster, view: View, floor: float | None, light: Light | None = None, rays: int = 4
) -> Floats:
    """Return the darkness 0..1 of the product's shadow on the plane y = `floor`, float32 (h, w).

    It is 0 where the floor is not seen, and everywhere if `floor` is None or the camera is below it. The product does
    not hide it: lay the product over it. 2 * `rays` rays are cast from each point of the floor, at 512 pixels.
    """
    light = light or Light()
    whole = np.zeros((view.height, view.width), np.float32)
    if floor is None or view.eye[1] >= floor or not len(caster.geometry.faces):
        return whole
    scale = min(1.0, FLOOR_SIDE / max(view.width, view.height))
    small = view.with_size(max(1, round(view.width * scale)), max(1, round(view.height * scale)))
    ray = small.directions(slice(0, small.height), slice(0, small.width)).reshape(-1, 3)
    with np.errstate(divide="ignore"):
        away = (np.float32(floor) - np.float32(view.eye[1])) / ray[:, 1]
    away[~np.isfinite(away)] = -1
    spots = _f32(view.eye) + ray * away[:, None]
    at = np.flatnonzero((away > 0) & _may_be_shaded(spots, caster, floor, light, view))
    dark = np.zeros((small.height, small.width), np.float32)
    y, x = np.divmod(at, small.width)
    phase = y % PHASES * PHASES + x % PHASES
    dark.ravel()[at] = _floor_darkness(caster, view, light, spots[at], phase, rays)
    dark = np.asarray(cv2.blur(dark, (PHASES, PHASES)), np.float32)
    if scale == 1:
        return dark
    return np.asarray(cv2.resize(dark, (view.width, view.height), interpolation=cv2.INTER_LINEAR), np.float32)


def _may_be_shaded(
    spots: Floats, caster: Caster, floor: float, light: Light, view: View
) -> NDArray[np.bool_]:
    """Return True for spots (n, 3) of the floor near the product and its shadow."""
    low, high = caster.geometry.bounds
    towards = light.towards(view, light.key_from)
    reach = SKY_REACH * caster.geometry.extent
    steep = max(-towards[1] - light.softness, 0.05)
    shift = -towards[[0, 2]] * max(floor - low[1], 0) / steep
    spread = light.softness * max(floor - low[1], 0) / steep
    first = np.minimum(low[[0, 2]], low[[0, 2]] + shift) - max(reach, spread)
    last = np.maximum(high[[0, 2]], high[[0, 2]] + shift) + max(reach, spread)
    across = spots[:, [0, 2]]
    return np.asarray(((across > first) & (across < last)).all(1))


def _floor_darkness(
    caster: Caster, view: View, light: Light, spots: Floats, phase: NDArray[np.integer], rays: int
) -> Floats:
    """Return the darkness (n,) of spots of the floor: the share of their light that the product takes."""
    up = _f32(UP)
    keys = _key_directions(light, view, rays)
    key = light.key * max(float(light.towards(view, light.key_from) @ up), 0)
    dark = np.empty(len(spots), np.float32)
    for first in range(0, len(spots), CHUNK):
        part = slice(first, first + CHUNK)
        normal = np.broadcast_to(up, spots[part].shape)
        origins = spots[part] + up * np.float32(LIFT * caster.geometry.extent)
        lost = key * (1 - _open_key(caster, origins, normal, keys[phase[part]]))
        lost = lost + light.sky * (1 - _open_sky(caster, origins, normal, phase[part], rays))
        dark[part] = lost / max(key + light.sky, 1e-6)
    return dark
