"""Product colours, fixed colours of the other parts, and conversion between sRGB and linear light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanolab.shapes import BODY, DARK, GLOW, INNER, LIGHT, STEEL

Floats = NDArray[np.float32]

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
PARTS: dict[int, tuple[int, int, int]] = {
    DARK: (38, 38, 42),
    STEEL: (176, 180, 186),
    LIGHT: (236, 230, 216),
    GLOW: (255, 236, 178),
    INNER: (226, 224, 218),
}


def linear(rgb: NDArray[np.generic] | tuple[float, ...]) -> Floats:
    """Convert sRGB 0..255 to linear light 0..1 (float32), with a gamma of 2.2."""
    return np.asarray((np.asarray(rgb, np.float32) / 255.0) ** 2.2, np.float32)


def display(light: Floats) -> NDArray[np.uint8]:
    """Convert linear light (h, w, 3), 1.0 = white, to sRGB uint8; values above 0.8 are compressed softly."""
    over = np.maximum(light - 0.8, 0.0)
    toned = np.where(light > 0.8, 0.8 + 0.2 * (1.0 - np.exp(-over / 0.2)), light)
    return np.asarray(np.clip(toned, 0, 1) ** (1 / 2.2) * 255.0 + 0.5, np.uint8)


def palette(body: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return one sRGB colour per material slot, uint8 (8, 3); floor and background are white."""
    table = np.full((8, 3), 255, np.uint8)
    table[BODY] = body
    for slot, color in PARTS.items():
        table[slot] = color
    return table


def vary(color: tuple[int, int, int], random: np.random.Generator) -> tuple[int, int, int]:
    """Return a random sRGB colour close to `color`, as two paints of one name differ."""
    shifted = np.asarray(color) * random.uniform(0.9, 1.08) + random.uniform(-8, 8, 3)
    r, g, b = np.clip(shifted, 8, 250).astype(int).tolist()
    return r, g, b
