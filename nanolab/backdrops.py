"""Backdrops behind the product (white studio, grey gradient, sunset, night city) and their lighting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.colors import linear

Floats = NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True)
class Lighting:
    """Light colours (linear RGB) that belong to one backdrop."""

    key: tuple[float, float, float]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    rim: tuple[float, float, float]
    shade: float  # darkness of the shadow on the floor, 0..1


LIGHTS: dict[str, Lighting] = {
    "white": Lighting((1.15, 1.13, 1.1), (0.4, 0.41, 0.43), (0.3, 0.29, 0.28), (0.3, 0.3, 0.3), 0.66),
    "grey": Lighting((1.25, 1.21, 1.16), (0.27, 0.285, 0.31), (0.17, 0.165, 0.16), (0.7, 0.72, 0.76), 0.74),
    "sunset": Lighting((1.2, 0.95, 0.72), (0.38, 0.33, 0.4), (0.27, 0.19, 0.16), (1.5, 0.8, 0.35), 0.7),
    "night": Lighting((0.95, 0.95, 1.05), (0.25, 0.26, 0.37), (0.14, 0.12, 0.2), (0.9, 0.4, 1.1), 0.75),
}


def _ramp(place: Floats, stops: list[tuple[float, tuple[int, int, int]]]) -> Floats:
    """Return linear light (h, w, 3): `place` (h, w) interpolated between (position, sRGB colour) stops."""
    where = [stop[0] for stop in stops]
    colors = linear(np.array([stop[1] for stop in stops]))
    return np.stack([np.interp(place, where, colors[:, c]) for c in range(3)], -1).astype(np.float32)


def white(upright: Floats, random: Random) -> Floats:  # noqa: ARG001 (a backdrop's shape)
    """Render a seamless white studio, slightly darker towards the edges: linear light (h, w, 3)."""
    apart = np.hypot(upright[..., 0], upright[..., 1] - 0.2)
    return _ramp(apart, [(0.0, (255, 255, 255)), (1.0, (250, 250, 251)), (1.6, (240, 241, 244))])


def grey(upright: Floats, random: Random) -> Floats:
    """Render a grey paper sweep, dark above with a pool of light below: linear light (h, w, 3)."""
    deep = int(random.integers(58, 92))
    stops = [
        (-1.2, (deep, deep, deep + 4)),
        (0.1, (128, 129, 132)),
        (0.7, (190, 190, 191)),
        (1.4, (150, 150, 152)),
    ]
    glow = 0.12 * np.exp(-((upright[..., 0] * 1.1) ** 2 + (upright[..., 1] - 0.15) ** 2) * 2.0)
    return _ramp(upright[..., 1], stops) + glow[..., None].astype(np.float32)


def sunset(upright: Floats, random: Random) -> Floats:
    """Render a low sun over a dark plain: linear light (h, w, 3)."""
    horizon, across = random.uniform(-0.05, 0.12), random.uniform(-0.8, 0.8)
    y = upright[..., 1] - horizon
    sky = _ramp(
        y, [(-1.3, (70, 52, 120)), (-0.75, (168, 74, 128)), (-0.38, (240, 110, 84)), (0.0, (255, 186, 96))]
    )
    land = _ramp(y, [(0.0, (150, 86, 74)), (0.35, (104, 62, 66)), (1.3, (58, 38, 52))])
    sun = np.exp(-((upright[..., 0] - across) ** 2 + (y + 0.1) ** 2) * 14.0)
    disc = sigmoid((0.13 - np.hypot(upright[..., 0] - across, y + 0.1)) * 60.0)
    warm = np.array([1.0, 0.72, 0.3], np.float32)
    sky += (0.55 * sun + 0.8 * disc)[..., None].astype(np.float32) * warm
    edge = sigmoid(y * 60.0)[..., None]
    land += (0.25 * sun)[..., None].astype(np.float32) * warm
    return np.asarray(sky * (1 - edge) + land * edge, np.float32)


LAMPS = [(255, 190, 90), (255, 120, 160), (110, 190, 255), (255, 232, 190), (190, 120, 255), (90, 230, 220)]


def lamps(random: Random) -> Floats:
    """Return random city lamps (n, 7): x, y (upright coordinates), radius, brightness, linear RGB."""
    count = int(random.integers(22, 34))
    rows = np.empty((count, 7), np.float32)
    rows[:, 0] = random.uniform(-1.7, 1.7, count)
    rows[:, 1] = random.uniform(-1.4, 0.1, count)
    rows[:, 2] = random.uniform(0.06, 0.17, count)
    rows[:, 3] = random.uniform(0.25, 0.9, count)
    rows[:, 4:] = linear(np.array(LAMPS)[random.integers(0, len(LAMPS), count)])
    return rows


def night(upright: Floats, random: Random) -> Floats:
    """Render a city at night, far out of focus, its lamps mirrored in a wet street: linear light (h, w, 3)."""
    y = upright[..., 1]
    base = _ramp(y, [(-1.4, (14, 16, 44)), (0.0, (34, 32, 82)), (0.2, (30, 26, 62)), (1.3, (16, 14, 36))])
    for x, high, radius, bright, *color in lamps(random):
        for mirror, gain in ((high, 0.75), (0.36 - high * 0.55, 0.16)):
            stretch = 1.0 if mirror == high else 0.45
            apart = np.hypot(upright[..., 0] - x, (y - mirror) * stretch) / radius
            disc = sigmoid((1.0 - apart) * 14.0) * (0.75 + 0.25 * np.minimum(apart, 1.0))
            base = base + (gain * bright * disc)[..., None] * np.asarray(color, np.float32)
    return np.asarray(base, np.float32)


BACKDROPS: dict[str, Callable[[Floats, Random], Floats]] = {
    "white": white,
    "grey": grey,
    "sunset": sunset,
    "night": night,
}


def behind(name: str, upright: Floats, seed: int) -> Floats:
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


def strokes(size: tuple[int, int], angle: float, width: float, random: Random) -> Floats:
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
