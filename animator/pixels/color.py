"""Match a picture's colours to a reference's statistics; contrast."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]

_TO = {"lab": cv2.COLOR_RGB2LAB, "hsv": cv2.COLOR_RGB2HSV}
_FROM = {"lab": cv2.COLOR_LAB2RGB, "hsv": cv2.COLOR_HSV2RGB}
_FLAT = 1e-3  # a channel with a smaller deviation has no contrast to stretch
_AGREEING = 0.2  # 0: hues all round the circle, 1: one hue; with less than this a mean hue means nothing
_STRETCH = 4.0  # the most a channel's contrast is changed in one frame, so that a flat picture does not turn to noise


class Palette(NamedTuple):
    """A picture's colour statistics in one colour space; `hue` in radians, NaN outside HSV or without a common hue."""

    mean: NDArray[np.float64]  # (3,)
    deviation: NDArray[np.float64]  # (3,)
    hue: float


def palette(image: Image, space: str) -> Palette:
    """The statistics of `image` in "lab", "hsv" or "rgb"."""
    return _palette(_convert(image, space), space)


def match(image: Image, goal: Palette, space: str) -> Image:
    """`image` with mean and deviation of each channel brought to those of `goal` (Reinhard et al. 2001).

    In HSV the hue, an angle, is turned by the difference of the mean hues, not stretched.
    """
    pixels = _convert(image, space)
    now = _palette(pixels, space)
    ratio = np.where(now.deviation > _FLAT, goal.deviation / np.maximum(now.deviation, _FLAT), 1.0)
    ratio = np.clip(ratio, 1 / _STRETCH, _STRETCH)
    offset = goal.mean - now.mean * ratio
    if space == "hsv":
        turn = goal.hue - now.hue
        ratio[0], offset[0] = 1.0, np.degrees(turn) if np.isfinite(turn) else 0.0
    pixels = pixels * ratio.astype(np.float32) + offset.astype(np.float32)
    return _restore(pixels, space)


def contrast(image: Image, ratio: float) -> Image:
    """`image` with differences from middle grey multiplied by `ratio`; clipped to 0..255."""
    table = np.clip(np.rint((np.arange(256) - 127.5) * ratio + 127.5), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), dtype=np.uint8)


def _convert(image: Image, space: str) -> Floats:
    pixels = image.astype(np.float32) / 255.0
    return pixels if space == "rgb" else np.asarray(cv2.cvtColor(pixels, _TO[space]), dtype=np.float32)


def _restore(pixels: Floats, space: str) -> Image:
    if space == "hsv":
        pixels[..., 0] %= 360.0
        np.clip(pixels[..., 1:], 0.0, 1.0, out=pixels[..., 1:])
    rgb = pixels if space == "rgb" else np.asarray(cv2.cvtColor(pixels, _FROM[space]), dtype=np.float32)
    image: Image = np.clip(np.rint(rgb * 255.0), 0, 255).astype(np.uint8)
    return image


def _palette(pixels: Floats, space: str) -> Palette:
    mean, deviation = (values.ravel() for values in cv2.meanStdDev(pixels))
    hue = np.nan
    if space == "hsv":
        # A mean of angles, each with the weight of the colour it stands for: grey has no hue.
        angle, weight = np.radians(pixels[..., 0]), pixels[..., 1] * pixels[..., 2]
        east, north = float((np.cos(angle) * weight).mean()), float((np.sin(angle) * weight).mean())
        if np.hypot(east, north) > max(_FLAT, _AGREEING * float(weight.mean())):
            hue = float(np.arctan2(north, east))
    return Palette(mean.astype(np.float64), deviation.astype(np.float64), hue)
