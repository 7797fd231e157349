"""The ten colours of the products, the fixed colours of their other parts, and light arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanolab.shapes import BODY, DARK, GLOW, INNER, LIGHT, STEEL

Floats = NDArray[np.float32]

# sRGB 0..255 of the body.
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

PARTS: dict[int, tuple[int, int, int]] = {
    DARK: (38, 38, 42),
    STEEL: (176, 180, 186),
    LIGHT: (236, 230, 216),
    GLOW: (255, 236, 178),
    INNER: (226, 224, 218),
}


def linear(rgb: NDArray[np.generic] | tuple[float, ...]) -> Floats:
    """SRGB 0..255 to linear light 0..1."""
    return np.asarray((np.asarray(rgb, np.float32) / 255.0) ** 2.2, np.float32)


def display(light: Floats) -> NDArray[np.uint8]:
    """Linear light (h, w, 3), 1.0 = white, to sRGB uint8, with a soft shoulder above 0.8."""
    over = np.maximum(light - 0.8, 0.0)
    toned = np.where(light > 0.8, 0.8 + 0.2 * (1.0 - np.exp(-over / 0.2)), light)
    return np.asarray(np.clip(toned, 0, 1) ** (1 / 2.2) * 255.0 + 0.5, np.uint8)


def palette(body: tuple[int, int, int]) -> NDArray[np.uint8]:
    """One sRGB colour per material slot (8, 3); floor and nothing are white."""
    table = np.full((8, 3), 255, np.uint8)
    table[BODY] = body
    for slot, color in PARTS.items():
        table[slot] = color
    return table


def vary(color: tuple[int, int, int], random: np.random.Generator) -> tuple[int, int, int]:
    """The colour a little lighter or darker and shifted, as two paints of one name differ."""
    shifted = np.asarray(color) * random.uniform(0.9, 1.08) + random.uniform(-8, 8, 3)
    r, g, b = np.clip(shifted, 8, 250).astype(int).tolist()
    return r, g, b
