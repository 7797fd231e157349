"""Match an image's colours to a reference, by mean and deviation or by histogram; change contrast.

diffusion/resident/color.py holds the same mathematics for images on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging import cube
from animator.imaging.lab import lab_of, to_lab, to_rgb
from animator.imaging.sample import sample

Floats = NDArray[np.floating]
Way = Callable[[Floats], Floats]  # values of one channel → their new values

QUANTILES = 64  # that represent a histogram: enough for its shape, few enough not to cause banding
_SPREAD = (np.arange(QUANTILES) + 0.5) / QUANTILES
FLAT = 1e-3  # a channel with a smaller deviation has no contrast to stretch
AGREEING = 0.2  # 0: hues all round the circle, 1: a single hue; below this a mean hue is meaningless
STRETCH = 4.0  # largest change of a channel's contrast in one frame: a flat image must not turn to noise
FINE = 4096  # entries of the lookup tables for a channel of floats
RANGE = {
    "lab": ((0, 100.1), (-128, 128), (-128, 128)),
    "hsv": ((0, 360), (0, 1.001), (0, 1.001)),
    "rgb": ((-0.5, 255.5),) * 3,
}


class Colors(NamedTuple):
    """Colour statistics of an image; `hue` in radians, NaN outside HSV and where the image has no common hue."""

    mean: NDArray[np.float64]  # (3,)
    deviation: NDArray[np.float64]  # (3,)
    quantiles: NDArray[np.float64]  # (3, QUANTILES)
    hue: float


def measure(image: Image, space: str) -> Colors:
    """Return the colour statistics of `image` in the colour space `space`, measured on about 65,000 of its pixels.

    `space` is "lab" (0..100, about -100..100), "hsv" (degrees, 0..1, 0..1) or "rgb" (0..255).
    """
    pixels = _convert(sample(image)[None], space)
    mean, deviation = (np.asarray(row, np.float64).ravel() for row in cv2.meanStdDev(pixels))
    quantiles = np.stack([_quantiles(pixels, at, limits) for at, limits in enumerate(RANGE[space])])
    return Colors(mean, deviation, quantiles, _hue(pixels[0]) if space == "hsv" else np.nan)


def _quantiles(pixels: NDArray[np.float32], channel: int, limits: tuple[float, float]) -> NDArray[np.float64]:
    counts = cv2.calcHist([pixels], [channel], None, [FINE], list(limits)).ravel()
    below = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    edges = np.linspace(*limits, FINE + 1)
    rising = below / below[-1] + np.arange(FINE + 1) * 1e-12  # strictly, across empty bins too
    return np.interp(_SPREAD, rising, edges)


def mix(one: Colors, other: Colors, weight: float) -> Colors:
    """Return colour statistics between two: `one` at weight 0, `other` at weight 1; hues go the shorter way round."""
    mean, deviation, quantiles = (
        (1 - weight) * a + weight * b for a, b in zip(one[:3], other[:3], strict=True)
    )
    turn = (other.hue - one.hue + np.pi) % (2 * np.pi) - np.pi
    hue = one.hue + weight * turn if np.isfinite(turn) else other.hue
    return Colors(mean, deviation, quantiles, hue)


def match(image: Image, goal: Colors, space: str, by: str = "statistics", amount: float = 1.0) -> Image:
    """Return `image` with its colours matched to `goal`, or a part `amount` (0..1) of the way there.

    `by` "statistics" gives each channel the mean and deviation of the goal (Reinhard et al. 2001), "histogram" its
    whole distribution. In HSV the hue, an angle, is rotated by the difference of the mean hues in both modes.
    """
    now = measure(image, space)
    goal = mix(now, goal, amount)
    ways = [_WAYS[by](now, goal, channel) for channel in range(3)]
    return _APPLY[space](image, ways, goal.hue - now.hue)


def contrast(image: Image, ratio: float) -> Image:
    """Return `image` with differences from middle grey multiplied by `ratio`; clipped to 0..255."""
    table = np.clip(np.rint((np.arange(256) - 127.5) * ratio + 127.5), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), dtype=np.uint8)


def _statistics(now: Colors, goal: Colors, channel: int) -> Way:
    have, want = now.deviation[channel], goal.deviation[channel]
    ratio = float(np.clip(want / max(have, FLAT), 1 / STRETCH, STRETCH)) if have > FLAT else 1.0
    return lambda values: (values - now.mean[channel]) * ratio + goal.mean[channel]


def _histogram(now: Colors, goal: Colors, channel: int) -> Way:
    have, want = now.deviation[channel], goal.deviation[channel]
    narrowed = min(1.0, STRETCH * have / max(want, FLAT))
    aims = goal.mean[channel] + (goal.quantiles[channel] - goal.mean[channel]) * narrowed
    # Where many pixels share a value, they get the mean of the target values.
    found, which = np.unique(now.quantiles[channel], return_inverse=True)
    aims = np.bincount(which, aims) / np.bincount(which)

    def way(values: Floats) -> Floats:
        beyond = np.minimum(values - found[0], 0) + np.maximum(values - found[-1], 0)
        return np.asarray(np.interp(values, found, aims) + beyond)

    return way


_WAYS = {"statistics": _statistics, "histogram": _histogram}


def _apply_rgb(image: Image, ways: list[Way], _: float) -> Image:
    table = np.stack([way(np.arange(256.0)) for way in ways], axis=-1)[:, None]
    return np.asarray(cv2.LUT(image, np.clip(np.rint(table), 0, 255).astype(np.uint8)), dtype=np.uint8)


_LAB = to_lab(cube.COLORS)


def _apply_lab(image: Image, ways: list[Way], _: float) -> Image:
    found = np.stack([way(_LAB[..., channel]) for channel, way in enumerate(ways)], axis=-1)
    return cube.apply(image, to_rgb(found))


def _apply_hsv(image: Image, ways: list[Way], turn: float) -> Image:
    """Return `image` with its hue rotated by `turn` radians, and saturation and value mapped by `ways`.

    Not by a 3D lookup table, since hue is discontinuous at grey.
    """
    steps = np.linspace(0, 1, FINE)
    saturation, value = (np.clip(way(steps), 0, 1).astype(np.float32) for way in ways[1:])
    # cv2 accepts hues above 360 degrees, but not below 0.
    degrees = np.float32(np.degrees(turn) % 360 if np.isfinite(turn) else 0.0)
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), cube.STRIP):
        h, s, v = cv2.split(_convert(image[top : top + cube.STRIP], "hsv"))
        parts = [np.asarray(h) + degrees, saturation.take(_steps(s)), value.take(_steps(v))]
        rgb = cv2.cvtColor(cv2.merge(parts), cv2.COLOR_HSV2RGB)
        result[top : top + cube.STRIP] = cv2.addWeighted(rgb, 255.0, rgb, 0.0, 0.0, dtype=cv2.CV_8U)
    return result


def _steps(values: Any) -> NDArray[np.int32]:
    """Return values 0..1 as indices of a table with FINE entries."""
    return np.asarray(values * np.float32(FINE - 1) + np.float32(0.5), np.int32)


_APPLY = {"rgb": _apply_rgb, "lab": _apply_lab, "hsv": _apply_hsv}


def _convert(pixels: NDArray[np.uint8], space: str) -> NDArray[np.float32]:
    """Return RGB pixels (..., 3) in the colour space "lab", "rgb" or "hsv"."""
    if space == "lab":
        return lab_of(pixels)
    if space == "rgb":
        return pixels.astype(np.float32)
    rows = pixels.reshape(-1, pixels.shape[-2], 3).astype(np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.cvtColor(rows, cv2.COLOR_RGB2HSV), np.float32).reshape(pixels.shape)


def _hue(pixels: Floats) -> float:
    """Return the mean hue in radians, weighted by saturation and value since grey has no hue; NaN if hues disagree."""
    angle, weight = np.radians(pixels[..., 0]), pixels[..., 1] * pixels[..., 2]
    east, north = float((np.cos(angle) * weight).mean()), float((np.sin(angle) * weight).mean())
    found = np.hypot(east, north) > max(FLAT, AGREEING * float(weight.mean()))
    return float(np.arctan2(north, east)) if found else np.nan
