"""Reflections on the product: soft boxes of a studio and the film's own background, mirrored by each material."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.product.hits import Hits
from animator.product.light import level_axes
from animator.product.paint import sample_image
from animator.product.view import Floats

DIELECTRIC = 0.045  # share that a plastic surface reflects when it is seen head-on
ROOM_LEVELS = 5  # of the blurred background, from sharp to one colour
ROOM_SIDE = 128  # pixels of the background as it is mirrored


@dataclass(frozen=True, slots=True)
class SoftBox:
    """A rectangular light: its direction (right, up, towards the camera), half width and height, and its strength."""

    direction: tuple[float, float, float]
    width: float  # tangent of the half angle
    height: float
    strength: float


STUDIO = (
    SoftBox((-0.62, 0.62, 0.48), 0.55, 0.4, 2.6),
    SoftBox((0.93, 0.22, 0.3), 0.16, 0.8, 1.9),
    SoftBox((0.0, 0.98, -0.2), 0.8, 0.35, 1.2),
)


@dataclass(frozen=True, eq=False)
class Materials:
    """Reflecting properties of the parts, (parts,) each: metallic 0..1 and roughness 0..1, as in glTF."""

    metallic: Floats
    roughness: Floats

    @classmethod
    def plain(cls, parts: int) -> Materials:
        """Return the materials of `parts` parts of satin plastic."""
        return cls(np.zeros(parts, np.float32), np.full(parts, 0.45, np.float32))

    def mixed(self, other: Materials, weight: float) -> Materials:
        """Return these materials with the share `weight` 0..1 of the `other`."""
        metallic = self.metallic * (1 - weight) + other.metallic * weight
        return Materials(metallic, self.roughness * (1 - weight) + other.roughness * weight)


class Room:
    """The background as surroundings that a product mirrors, blurred in steps by roughness."""

    def __init__(self, plate: Floats) -> None:
        """`plate`: linear light (h, w, 3)."""
        small = cv2.resize(plate, (ROOM_SIDE, ROOM_SIDE), interpolation=cv2.INTER_AREA)
        blurs = [1.5 * 2.6**level for level in range(ROOM_LEVELS)]
        self.levels = [
            np.asarray(cv2.GaussianBlur(small, (0, 0), blur, borderType=cv2.BORDER_REFLECT), np.float32)
            for blur in blurs
        ]

    def seen(self, directions: Floats, roughness: Floats) -> Floats:
        """Return the light (n, 3) from `directions` (n, 3): right, up, towards the camera; by roughness (n,).

        The plate is wrapped round the half sphere behind the product, and mirrored in front of it.
        """
        across = directions[:, :2] * [0.5, -0.5] + 0.5
        pixels = across * (ROOM_SIDE - 1)
        place = np.clip(roughness, 0, 1) * (ROOM_LEVELS - 1)
        light = np.zeros((len(directions), 3), np.float32)
        for number, level in enumerate(self.levels):
            share = np.clip(1 - np.abs(place - number), 0, 1)
            some = np.flatnonzero(share > 0)
            if len(some):
                light[some] += share[some, None] * sample_image(level, pixels[some])
        return light


def reflect(hits: Hits, albedo: Floats, materials: Materials, room: Room, studio: float = 1.0) -> Floats:
    """Return the reflected light at each hit, linear (n, 3); Schlick's approximation of Fresnel's share (1994).

    `albedo` (n, 3) colours the reflections of metals; `studio` scales the soft boxes.
    """
    part = hits.parts
    rough, metal = materials.roughness[part], materials.metallic[part][:, None]
    normal = hits.normals
    ray = hits.points_of(hits.found) - hits.view.eye.astype(np.float32)
    ray /= np.maximum(np.linalg.norm(ray, axis=-1, keepdims=True), 1e-9)
    cosine = np.clip(-np.einsum("ni,ni->n", ray, normal), 0, 1)
    mirrored = ray + 2 * cosine[:, None] * normal
    directions = (mirrored @ level_axes(hits.view).T).astype(np.float32)
    head_on = DIELECTRIC * (1 - metal) + albedo * metal
    edge = (np.maximum(1 - rough, 0.1)[:, None] - head_on).clip(0) * ((1 - cosine) ** 5)[:, None]
    light = room.seen(directions, rough)
    if studio:
        light += studio * soft_boxes(directions, rough)[:, None]
    return np.asarray((head_on + edge) * light, np.float32)


def soft_boxes(directions: Floats, roughness: Floats) -> Floats:
    """Return the light (n,) of the studio's soft boxes from `directions`, blurred by `roughness` (n,)."""
    light = np.zeros(len(directions), np.float32)
    blur = 0.04 + 0.75 * roughness * roughness
    for box in STUDIO:
        forward = np.array(box.direction, np.float32) / np.float32(np.linalg.norm(box.direction))
        right = np.cross([0, 1, 0], forward).astype(np.float32)
        right /= np.linalg.norm(right)
        up = np.cross(forward, right)
        ahead = directions @ forward
        x, y = (directions @ axis / np.maximum(ahead, 1e-3) for axis in (right, up))
        inside = _window(x, box.width, blur) * _window(y, box.height, blur)
        spread = box.width * box.height / ((box.width + blur) * (box.height + blur))
        light += box.strength * spread * inside * (ahead > 0)
    return light


def _window(place: NDArray[np.floating], half: float, blur: Floats) -> Floats:
    """Return 1 where |place| < half and 0 outside, with a smooth edge of width 2 * blur."""
    share = np.clip((half + blur - np.abs(place)) / (2 * blur), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
