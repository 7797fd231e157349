"""Studio photographs and clay models, shaded in linear light from a G-buffer: lights, backdrops, colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.gbuffer import GBuffer
from nanolab.shapes import BODY, DARK, GLOW, INNER, LIGHT, STEEL

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


def _smoothstep(value: Floats, low: float, high: float) -> Floats:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def reflected_light(direction: Floats, buffer: GBuffer, lighting: Lighting) -> Floats:
    """Return the light (h, w, 3) that reflections receive from `direction`: sky, floor, soft box and strip light."""
    up = direction[..., 1]
    blend = _smoothstep(up, -0.25, 0.35)[..., None]
    base = np.asarray(lighting.ground) * 1.1 * (1 - blend) + np.asarray(lighting.sky) * 0.9 * blend
    base = base - 0.55 * np.asarray(lighting.sky) * np.exp(-((up - 0.02) ** 2) / 0.012)[..., None]
    box = _smoothstep(_dot(direction, buffer.light), 0.78, 0.9)
    side = np.cross(buffer.light, np.array([0.0, 1.0, 0.0], np.float32))
    side /= np.linalg.norm(side) + 1e-6
    strip = _smoothstep(_dot(direction, side.astype(np.float32)), 0.72, 0.82) * _smoothstep(
        1 - np.abs(up - 0.2), 0.5, 0.7
    )
    lit = base + box[..., None] * np.asarray(lighting.key) * 2.2
    return np.asarray(np.maximum(lit, 0) + strip[..., None] * np.asarray(lighting.rim) * 1.8, np.float32)


def _surface_tables(finish: Finish) -> tuple[Floats, Floats, Floats, Floats]:
    """Return gloss, spot, tight and metal, each (8,), per material slot."""
    rubber, steel, paper = Finish(0.02, 0.15, 18.0, 0.0), FINISHES["metal"], Finish(0.02, 0.1, 12.0, 0.0)
    slots = [finish] * 8
    for slot, surface in ((BODY, finish), (DARK, rubber), (STEEL, steel), (LIGHT, paper), (GLOW, rubber)):
        slots[slot] = surface
    slots[INNER] = paper
    rows = np.array([[s.gloss, s.spot, s.tight, s.metal] for s in slots], np.float32)
    return rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3]


def shade_product(buffer: GBuffer, albedo: Floats, finish: Finish, lighting: Lighting) -> Floats:
    """Shade every pixel as part of the product: linear light (h, w, 3) from `albedo` (h, w, 3) and the finish."""
    normal, eye, light = buffer.normal, buffer.eye, buffer.light
    gloss, spot, tight, metal = (table[buffer.material][..., None] for table in _surface_tables(finish))
    shine = np.clip(_dot(normal, eye), 0, 1)[..., None]
    diffuse = np.clip(_dot(normal, light), 0, 1) * buffer.lit
    hemi = (normal[..., 1:2] * 0.5 + 0.5) * np.asarray(lighting.sky) + (
        0.5 - 0.5 * normal[..., 1:2]
    ) * np.asarray(lighting.ground)
    body = albedo * (diffuse[..., None] * np.asarray(lighting.key) * 0.95 + hemi * buffer.open[..., None])
    mirror = 2 * _dot(normal, eye)[..., None] * normal - eye
    fresnel = gloss + (1 - gloss) * (0.28 + 0.5 * metal) * (1 - shine) ** 5
    tint = 1 + np.minimum(1.32 * metal, 0.95) * (albedo - 1)
    seen = reflected_light(mirror, buffer, lighting) * (0.35 + 0.65 * buffer.open[..., None])
    half = (light + eye) / (np.linalg.norm(light + eye, axis=-1, keepdims=True) + 1e-6)
    facing = np.clip(_dot(normal, half), 0, 1)[..., None]
    glint = spot * facing**tight * buffer.lit[..., None] * np.asarray(lighting.key)
    edge = _rim_light(buffer, shine[..., 0])[..., None] * np.asarray(lighting.rim) * (0.12 + 0.88 * albedo)
    lit = body * (1 - 0.75 * metal) + seen * fresnel * tint * (1 + metal) + glint * tint + edge
    glow = (buffer.material == GLOW)[..., None]
    return np.asarray(np.where(glow, albedo * 1.15, lit), np.float32)


def _rim_light(buffer: GBuffer, shine: Floats) -> Floats:
    behind = buffer.light * np.array([-1.0, 0.4, -1.0], np.float32)
    return np.asarray((1 - shine) ** 3 * _smoothstep(_dot(buffer.normal, behind), -0.1, 0.6), np.float32)


def _shadow_transmission(buffer: GBuffer, lighting: Lighting) -> Floats:
    """Return the share of light (h, w), 0..1, that the product's shadow leaves on the backdrop."""
    left = 1 - lighting.shade * (1 - buffer.lit)
    return np.asarray(np.where(buffer.mask, 1.0, left * (0.3 + 0.7 * buffer.open)), np.float32)


def _compose(buffer: GBuffer, albedo: Floats, finish: Finish, backdrop: str, seed: int) -> Floats:
    """Compose the product and a backdrop that receives its shadow: linear light (h, w, 3).

    `albedo` (8, 3) is the linear colour of each material slot.
    """
    lighting = BACKDROP_LIGHTING[backdrop]
    scene = (
        render_backdrop(backdrop, buffer.upright, seed) * _shadow_transmission(buffer, lighting)[..., None]
    )
    window = buffer.bounds()
    part = buffer.crop(window)
    product = shade_product(part, albedo[part.material], finish, lighting)
    scene[window] = np.where(part.mask[..., None], product, scene[window])
    return scene


def render_photo(buffer: GBuffer, body: tuple[int, int, int], finish: str, backdrop: str, seed: int) -> Rgb:
    """Render a studio photograph, uint8 RGB (h, w, 3), in a body colour (sRGB), a finish and a backdrop."""
    scene = _compose(buffer, srgb_to_linear(material_colors(body)), FINISHES[finish], backdrop, seed)
    return linear_to_srgb(_add_bloom(scene) if backdrop in ("night", "sunset") else scene)


def _add_bloom(scene: Floats) -> Floats:
    over = np.ascontiguousarray(np.maximum(scene - 0.75, 0.0)[::4, ::4])
    soft = cv2.GaussianBlur(over, (0, 0), scene.shape[0] / 200)
    return np.asarray(scene + 0.5 * cv2.resize(soft, scene.shape[1::-1]), np.float32)


def render_clay(buffer: GBuffer, backdrop: str, seed: int) -> Rgb:
    """Render an unpainted clay model, uint8 RGB (h, w, 3): one warm, matte material with dark corners."""
    plain = replace(
        buffer, material=np.where(buffer.mask, np.uint8(BODY), buffer.material), open=buffer.open**1.6
    )
    albedo = np.broadcast_to(srgb_to_linear(CLAY), (8, 3)).astype(np.float32)
    return linear_to_srgb(_compose(plain, albedo, Finish(0.0, 0.03, 8.0, 0.0), backdrop, seed))


Random = np.random.Generator


@dataclass(frozen=True)
class Lighting:
    """Light colours (linear RGB) that belong to one backdrop."""

    key: tuple[float, float, float]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    rim: tuple[float, float, float]
    shade: float  # darkness of the shadow on the floor, 0..1


BACKDROP_LIGHTING: dict[str, Lighting] = {
    "white": Lighting((1.15, 1.13, 1.1), (0.4, 0.41, 0.43), (0.3, 0.29, 0.28), (0.3, 0.3, 0.3), 0.66),
    "grey": Lighting((1.25, 1.21, 1.16), (0.27, 0.285, 0.31), (0.17, 0.165, 0.16), (0.7, 0.72, 0.76), 0.74),
    "sunset": Lighting((1.2, 0.95, 0.72), (0.38, 0.33, 0.4), (0.27, 0.19, 0.16), (1.5, 0.8, 0.35), 0.7),
    "night": Lighting((0.95, 0.95, 1.05), (0.25, 0.26, 0.37), (0.14, 0.12, 0.2), (0.9, 0.4, 1.1), 0.75),
}


def _gradient(place: Floats, stops: list[tuple[float, tuple[int, int, int]]]) -> Floats:
    """Return linear light (h, w, 3): `place` (h, w) interpolated between (position, sRGB colour) stops."""
    where = [stop[0] for stop in stops]
    colors = srgb_to_linear(np.array([stop[1] for stop in stops]))
    return np.stack([np.interp(place, where, colors[:, c]) for c in range(3)], -1).astype(np.float32)


def white_backdrop(upright: Floats, random: Random) -> Floats:  # noqa: ARG001 (a backdrop's shape)
    """Render a seamless white studio, slightly darker towards the edges: linear light (h, w, 3)."""
    apart = np.hypot(upright[..., 0], upright[..., 1] - 0.2)
    return _gradient(apart, [(0.0, (255, 255, 255)), (1.0, (250, 250, 251)), (1.6, (240, 241, 244))])


def grey_backdrop(upright: Floats, random: Random) -> Floats:
    """Render a grey paper sweep, dark above with a pool of light below: linear light (h, w, 3)."""
    deep = int(random.integers(58, 92))
    stops = [
        (-1.2, (deep, deep, deep + 4)),
        (0.1, (128, 129, 132)),
        (0.7, (190, 190, 191)),
        (1.4, (150, 150, 152)),
    ]
    glow = 0.12 * np.exp(-((upright[..., 0] * 1.1) ** 2 + (upright[..., 1] - 0.15) ** 2) * 2.0)
    return _gradient(upright[..., 1], stops) + glow[..., None].astype(np.float32)


def sunset_backdrop(upright: Floats, random: Random) -> Floats:
    """Render a low sun over a dark plain: linear light (h, w, 3)."""
    horizon, across = random.uniform(-0.05, 0.12), random.uniform(-0.8, 0.8)
    y = upright[..., 1] - horizon
    sky = _gradient(
        y, [(-1.3, (70, 52, 120)), (-0.75, (168, 74, 128)), (-0.38, (240, 110, 84)), (0.0, (255, 186, 96))]
    )
    land = _gradient(y, [(0.0, (150, 86, 74)), (0.35, (104, 62, 66)), (1.3, (58, 38, 52))])
    sun = np.exp(-((upright[..., 0] - across) ** 2 + (y + 0.1) ** 2) * 14.0)
    disc = sigmoid((0.13 - np.hypot(upright[..., 0] - across, y + 0.1)) * 60.0)
    warm = np.array([1.0, 0.72, 0.3], np.float32)
    sky += (0.55 * sun + 0.8 * disc)[..., None].astype(np.float32) * warm
    edge = sigmoid(y * 60.0)[..., None]
    land += (0.25 * sun)[..., None].astype(np.float32) * warm
    return np.asarray(sky * (1 - edge) + land * edge, np.float32)


LAMP_COLORS = [
    (255, 190, 90),
    (255, 120, 160),
    (110, 190, 255),
    (255, 232, 190),
    (190, 120, 255),
    (90, 230, 220),
]


def random_lamps(random: Random) -> Floats:
    """Return random city lamps (n, 7): x, y (upright coordinates), radius, brightness, linear RGB."""
    count = int(random.integers(22, 34))
    rows = np.empty((count, 7), np.float32)
    rows[:, 0] = random.uniform(-1.7, 1.7, count)
    rows[:, 1] = random.uniform(-1.4, 0.1, count)
    rows[:, 2] = random.uniform(0.06, 0.17, count)
    rows[:, 3] = random.uniform(0.25, 0.9, count)
    rows[:, 4:] = srgb_to_linear(np.array(LAMP_COLORS)[random.integers(0, len(LAMP_COLORS), count)])
    return rows


def night_backdrop(upright: Floats, random: Random) -> Floats:
    """Render a city at night, far out of focus, its lamps mirrored in a wet street: linear light (h, w, 3)."""
    y = upright[..., 1]
    base = _gradient(y, [(-1.4, (14, 16, 44)), (0.0, (34, 32, 82)), (0.2, (30, 26, 62)), (1.3, (16, 14, 36))])
    for x, high, radius, bright, *color in random_lamps(random):
        for mirror, gain in ((high, 0.75), (0.36 - high * 0.55, 0.16)):
            stretch = 1.0 if mirror == high else 0.45
            apart = np.hypot(upright[..., 0] - x, (y - mirror) * stretch) / radius
            disc = sigmoid((1.0 - apart) * 14.0) * (0.75 + 0.25 * np.minimum(apart, 1.0))
            base = base + (gain * bright * disc)[..., None] * np.asarray(color, np.float32)
    return np.asarray(base, np.float32)


BACKDROPS: dict[str, Callable[[Floats, Random], Floats]] = {
    "white": white_backdrop,
    "grey": grey_backdrop,
    "sunset": sunset_backdrop,
    "night": night_backdrop,
}


def render_backdrop(name: str, upright: Floats, seed: int) -> Floats:
    """Render the named backdrop in linear light (h, w, 3).

    `upright` (h, w, 2) holds pixel coordinates without the camera's roll. The backdrop is drawn at half size,
    because it is out of focus.
    """
    half = np.ascontiguousarray(upright[::2, ::2])
    small = BACKDROPS[name](half, np.random.default_rng(seed))
    size = (upright.shape[1], upright.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.float32)


def sigmoid(value: NDArray[np.floating]) -> Floats:
    """Return 1 / (1 + exp(-value)) as float32, without overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * value), np.float32)


def marker_strokes(size: tuple[int, int], angle: float, width: float, random: Random) -> Floats:
    """Return the darkness of marker strokes (h, w), about -1..1: bands `width` pixels broad whose overlaps show.

    `size` is (height, width), `angle` in degrees.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    a = np.radians(angle)
    across = -x * np.sin(a) + y * np.cos(a)
    along = x * np.cos(a) + y * np.sin(a)
    wobble = np.sin(along / (width * 7.0) + random.uniform(0, 6.3)) * width * 0.22
    place = (across + wobble) / width
    band = np.floor(place)
    tint = random.uniform(-1, 1, 512).astype(np.float32)[(band.astype(int) + 256) % 512]
    part = place - band
    overlap = np.exp(-(np.minimum(part, 1 - part) ** 2) / 0.012)
    return np.asarray(cv2.GaussianBlur(0.55 * tint + 0.5 * overlap - 0.1, (0, 0), width * 0.06), np.float32)


# Colours of a product's body, sRGB 0..255.
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (205, 28, 34),
    "orange": (244, 120, 18),
    "yellow": (248, 205, 30),
    "green": (38, 150, 62),
    "teal": (18, 158, 160),
    "blue": (30, 78, 205),
    "purple": (118, 48, 178),
    "pink": (246, 118, 172),
    "white": (242, 242, 240),
    "black": (30, 30, 34),
}


# Colours of the other material slots, sRGB 0..255.
PART_COLORS: dict[int, tuple[int, int, int]] = {
    DARK: (38, 38, 42),
    STEEL: (176, 180, 186),
    LIGHT: (236, 230, 216),
    GLOW: (255, 236, 178),
    INNER: (226, 224, 218),
}


def srgb_to_linear(rgb: NDArray[np.generic] | tuple[float, ...]) -> Floats:
    """Convert sRGB 0..255 to linear light 0..1 (float32), with a gamma of 2.2."""
    return np.asarray((np.asarray(rgb, np.float32) / 255.0) ** 2.2, np.float32)


def linear_to_srgb(light: Floats) -> NDArray[np.uint8]:
    """Convert linear light (h, w, 3), 1.0 = white, to sRGB uint8; values above 0.8 are compressed softly."""
    over = np.maximum(light - 0.8, 0.0)
    toned = np.where(light > 0.8, 0.8 + 0.2 * (1.0 - np.exp(-over / 0.2)), light)
    return np.asarray(np.clip(toned, 0, 1) ** (1 / 2.2) * 255.0 + 0.5, np.uint8)


def material_colors(body: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return one sRGB colour per material slot, uint8 (8, 3); floor and background are white."""
    table = np.full((8, 3), 255, np.uint8)
    table[BODY] = body
    for slot, color in PART_COLORS.items():
        table[slot] = color
    return table


def vary_color(color: tuple[int, int, int], random: np.random.Generator) -> tuple[int, int, int]:
    """Return a random sRGB colour close to `color`, as two paints of one name differ."""
    shifted = np.asarray(color) * random.uniform(0.9, 1.08) + random.uniform(-8, 8, 3)
    r, g, b = np.clip(shifted, 8, 250).astype(int).tolist()
    return r, g, b
