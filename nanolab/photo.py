"""Studio photographs and clay models, shaded in linear light from a G-buffer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.backdrops import LIGHTS, Lighting, behind
from nanolab.colors import display, linear, palette
from nanolab.shapes import BODY, DARK, GLOW, INNER, LIGHT, STEEL
from nanolab.view import Buffer

Floats = NDArray[np.float32]
Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Finish:
    """Reflection of a surface."""

    gloss: float  # mirror reflection at normal incidence, 0..1
    spot: float  # strength of the key light's highlight
    tight: float  # exponent of the highlight
    metal: float  # 0 paint, 1 metal: the reflection takes the body's colour and replaces most diffuse light


FINISHES: dict[str, Finish] = {
    "matte": Finish(0.012, 0.045, 10.0, 0.0),
    "glossy": Finish(0.075, 1.1, 60.0, 0.0),
    "metal": Finish(0.45, 1.0, 30.0, 0.7),
}

CLAY = (206, 188, 170)


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * b).sum(-1), np.float32)


def _smooth(value: Floats, low: float, high: float) -> Floats:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def surroundings(direction: Floats, buffer: Buffer, lighting: Lighting) -> Floats:
    """Return the light (h, w, 3) that reflections receive from `direction`: sky, floor, soft box and strip light."""
    up = direction[..., 1]
    blend = _smooth(up, -0.25, 0.35)[..., None]
    base = np.asarray(lighting.ground) * 1.1 * (1 - blend) + np.asarray(lighting.sky) * 0.9 * blend
    base = base - 0.55 * np.asarray(lighting.sky) * np.exp(-((up - 0.02) ** 2) / 0.012)[..., None]
    box = _smooth(_dot(direction, buffer.light), 0.78, 0.9)
    side = np.cross(buffer.light, np.array([0.0, 1.0, 0.0], np.float32))
    side /= np.linalg.norm(side) + 1e-6
    strip = _smooth(_dot(direction, side.astype(np.float32)), 0.72, 0.82) * _smooth(
        1 - np.abs(up - 0.2), 0.5, 0.7
    )
    lit = base + box[..., None] * np.asarray(lighting.key) * 2.2
    return np.asarray(np.maximum(lit, 0) + strip[..., None] * np.asarray(lighting.rim) * 1.8, np.float32)


def _tables(finish: Finish) -> tuple[Floats, Floats, Floats, Floats]:
    """Return gloss, spot, tight and metal, each (8,), per material slot."""
    rubber, steel, paper = Finish(0.02, 0.15, 18.0, 0.0), FINISHES["metal"], Finish(0.02, 0.1, 12.0, 0.0)
    slots = [finish] * 8
    for slot, surface in ((BODY, finish), (DARK, rubber), (STEEL, steel), (LIGHT, paper), (GLOW, rubber)):
        slots[slot] = surface
    slots[INNER] = paper
    rows = np.array([[s.gloss, s.spot, s.tight, s.metal] for s in slots], np.float32)
    return rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3]


def shade(buffer: Buffer, albedo: Floats, finish: Finish, lighting: Lighting) -> Floats:
    """Shade every pixel as part of the product: linear light (h, w, 3) from `albedo` (h, w, 3) and the finish."""
    normal, eye, light = buffer.normal, buffer.eye, buffer.light
    gloss, spot, tight, metal = (table[buffer.material][..., None] for table in _tables(finish))
    shine = np.clip(_dot(normal, eye), 0, 1)[..., None]
    diffuse = np.clip(_dot(normal, light), 0, 1) * buffer.lit
    hemi = (normal[..., 1:2] * 0.5 + 0.5) * np.asarray(lighting.sky) + (
        0.5 - 0.5 * normal[..., 1:2]
    ) * np.asarray(lighting.ground)
    body = albedo * (diffuse[..., None] * np.asarray(lighting.key) * 0.95 + hemi * buffer.open[..., None])
    mirror = 2 * _dot(normal, eye)[..., None] * normal - eye
    fresnel = gloss + (1 - gloss) * (0.28 + 0.5 * metal) * (1 - shine) ** 5
    tint = 1 + np.minimum(1.32 * metal, 0.95) * (albedo - 1)
    seen = surroundings(mirror, buffer, lighting) * (0.35 + 0.65 * buffer.open[..., None])
    half = (light + eye) / (np.linalg.norm(light + eye, axis=-1, keepdims=True) + 1e-6)
    facing = np.clip(_dot(normal, half), 0, 1)[..., None]
    glint = spot * facing**tight * buffer.lit[..., None] * np.asarray(lighting.key)
    edge = _rim(buffer, shine[..., 0])[..., None] * np.asarray(lighting.rim) * (0.12 + 0.88 * albedo)
    lit = body * (1 - 0.75 * metal) + seen * fresnel * tint * (1 + metal) + glint * tint + edge
    glow = (buffer.material == GLOW)[..., None]
    return np.asarray(np.where(glow, albedo * 1.15, lit), np.float32)


def _rim(buffer: Buffer, shine: Floats) -> Floats:
    behind = buffer.light * np.array([-1.0, 0.4, -1.0], np.float32)
    return np.asarray((1 - shine) ** 3 * _smooth(_dot(buffer.normal, behind), -0.1, 0.6), np.float32)


def _floor(buffer: Buffer, lighting: Lighting) -> Floats:
    """Return the share of light (h, w), 0..1, that the product's shadow leaves on the backdrop."""
    left = 1 - lighting.shade * (1 - buffer.lit)
    return np.asarray(np.where(buffer.mask, 1.0, left * (0.3 + 0.7 * buffer.open)), np.float32)


def _stage(buffer: Buffer, albedo: Floats, finish: Finish, backdrop: str, seed: int) -> Floats:
    """Compose the product and a backdrop that receives its shadow: linear light (h, w, 3).

    `albedo` (8, 3) is the linear colour of each material slot.
    """
    lighting = LIGHTS[backdrop]
    scene = behind(backdrop, buffer.upright, seed) * _floor(buffer, lighting)[..., None]
    window = buffer.bounds()
    part = buffer.part(window)
    product = shade(part, albedo[part.material], finish, lighting)
    scene[window] = np.where(part.mask[..., None], product, scene[window])
    return scene


def photo(buffer: Buffer, body: tuple[int, int, int], finish: str, backdrop: str, seed: int) -> Rgb:
    """Render a studio photograph, uint8 RGB (h, w, 3), in a body colour (sRGB), a finish and a backdrop."""
    scene = _stage(buffer, linear(palette(body)), FINISHES[finish], backdrop, seed)
    return display(_bloom(scene) if backdrop in ("night", "sunset") else scene)


def _bloom(scene: Floats) -> Floats:
    over = np.ascontiguousarray(np.maximum(scene - 0.75, 0.0)[::4, ::4])
    soft = cv2.GaussianBlur(over, (0, 0), scene.shape[0] / 200)
    return np.asarray(scene + 0.5 * cv2.resize(soft, scene.shape[1::-1]), np.float32)


def clay(buffer: Buffer, backdrop: str, seed: int) -> Rgb:
    """Render an unpainted clay model, uint8 RGB (h, w, 3): one warm, matte material with dark corners."""
    plain = replace(
        buffer, material=np.where(buffer.mask, np.uint8(BODY), buffer.material), open=buffer.open**1.6
    )
    albedo = np.broadcast_to(linear(CLAY), (8, 3)).astype(np.float32)
    return display(_stage(plain, albedo, Finish(0.0, 0.03, 8.0, 0.0), backdrop, seed))
