"""Colour spaces on the device: sRGB ↔ CIE L*a*b* and HSV, with the formulas and units of the CPU versions.

Values have shape (3, …), channels first; float64, except that whole images are float32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from animator.imaging import lab

Values = torch.Tensor


def to_space(levels: Values, space: str) -> Values:
    """Convert grey levels 0..255 to "lab" (0..100, about -100..100), "hsv" (degrees, 0..1, 0..1) or "rgb" (as is)."""
    return _INTO[space](levels)


def rgb_to_lab(rgb: Values) -> Values:
    """Convert sRGB (0..1) to CIE L*a*b* (0..100, about -100..100)."""
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    part = _mixed(lab.XYZ / lab.WHITE[:, None], light)
    root = torch.where(part > 216 / 24389, part.clamp(min=0) ** (1 / 3), part * (841 / 108) + 4 / 29)
    x, y, z = root
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lab_to_rgb(values: Values) -> Values:
    """Convert CIE L*a*b* to sRGB; colours outside the sRGB gamut lie outside 0..1."""
    lightness, a, b = values
    y = (lightness + 16) / 116
    root = torch.stack([y + a / 500, y, y - b / 200])
    part = torch.where(root > 6 / 29, root**3, (root - 4 / 29) * (108 / 841))
    light = _mixed(lab.RGB, part)
    bright = 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(light <= 0.0031308, 12.92 * light, bright)


def rgb_to_hsv(rgb: Values) -> Values:
    """Convert sRGB (0..1) to hue (degrees, 0..360), saturation and value (0..1)."""
    red, green, blue = rgb
    value = rgb.amax(0)
    chroma = value - rgb.amin(0)
    sixth = 60 / torch.where(chroma > 0, chroma, 1.0)
    hue = torch.where(
        value == red,
        (green - blue) * sixth,
        torch.where(value == green, (blue - red) * sixth + 120, (red - green) * sixth + 240),
    )
    return torch.stack([hue.remainder(360), chroma / torch.where(value > 0, value, 1.0), value])


def hsv_to_rgb(values: Values) -> Values:
    """Convert hue (degrees, any number of turns), saturation and value (0..1) to sRGB, 0..1."""
    hue, saturation, value = values
    chroma = value * saturation
    places = [(hue / 60 + turn).remainder(6) for turn in (5, 3, 1)]
    return torch.stack([value - chroma * torch.minimum(at, 4 - at).clamp(0, 1) for at in places])


def _mixed(matrix: NDArray[np.floating], values: Values) -> Values:
    """Multiply each of `values` by `matrix` (3, 3); entries are passed as scalars, without a copy to the device."""
    x, y, z = values
    return torch.stack([x * float(a) + y * float(b) + z * float(c) for a, b, c in matrix])


_INTO: dict[str, Callable[[Values], Values]] = {
    "lab": lambda levels: rgb_to_lab(levels / 255),
    "hsv": lambda levels: rgb_to_hsv(levels / 255),
    "rgb": lambda levels: levels,
}
