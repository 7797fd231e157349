"""Convert between sRGB and CIE L*a*b*: exact and unclipped for the colours of a table, by cv2 for images.

Formulas: IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*), white point D65, with the matrix cv2 uses, so that both agree.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
WHITE = XYZ.sum(axis=1)
RGB = (np.linalg.inv(XYZ) * WHITE).astype(np.float32)  # from XYZ relative to white, to linear RGB


def to_lab(rgb: NDArray[np.floating]) -> Floats:
    """Return sRGB colours (..., 3) in 0..1 as L* (0..100), a*, b*, float32; values over 1 are extrapolated."""
    rgb = np.asarray(rgb, np.float64)
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)
    part = (light @ XYZ.T) / WHITE
    root = np.where(part > 216 / 24389, np.cbrt(part), part * (841 / 108) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def to_rgb(lab: NDArray[np.floating]) -> Floats:
    """Return L*a*b* colours (..., 3) as sRGB, float32; colours outside the gamut lie outside 0..1."""
    lightness, a, b = np.moveaxis(np.asarray(lab, np.float32), -1, 0)
    y = (lightness + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    part = np.where(root > 6 / 29, root**3, (root - 4 / 29) * (108 / 841))
    light = part @ RGB.T
    bright = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, 12.92 * light, bright), np.float32)


def lab_of(pixels: NDArray[np.uint8]) -> Floats:
    """Return 8-bit sRGB (..., 3) as L*, a*, b*, float32, exact to about 0.3 units: cv2 interpolates in a table."""
    flat = np.ascontiguousarray(pixels.reshape(1, -1, 3)).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32).reshape(pixels.shape)
