"""Colour of images: statistics, matching, contrast, L*a*b*, lookup tables, palettes, differences in ΔE.

Formulas: IEC 61966-2-1 (sRGB) and CIE 15 (L*a*b*), white point D65, with the matrix cv2 uses. A difference is the
CIE76 ΔE: 1 is hardly visible, 2.3 just noticeable. diffusion/gpu/color.py holds the same mathematics for the GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image

Floats = NDArray[np.float32]


RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)

WHITE_XYZ = RGB_TO_XYZ.sum(axis=1)

XYZ_TO_RGB = (np.linalg.inv(RGB_TO_XYZ) * WHITE_XYZ).astype(
    np.float32
)  # from XYZ relative to white, to linear RGB


def srgb_to_linear(rgb: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return sRGB values in 0..1 as linear light, by IEC 61966-2-1; values over 1 are extrapolated."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return linear light as sRGB values, in 0..1 for light of 0..1, by IEC 61966-2-1."""
    bright = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, bright)


def rgb_to_lab(rgb: NDArray[np.floating]) -> Floats:
    """Return sRGB colours (..., 3) in 0..1 as L* (0..100), a*, b*, float32; values over 1 are extrapolated."""
    part = (srgb_to_linear(np.asarray(rgb, np.float64)) @ RGB_TO_XYZ.T) / WHITE_XYZ
    root = np.where(part > 216 / 24389, np.cbrt(part), part * (841 / 108) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def lab_to_rgb(lab: NDArray[np.floating]) -> Floats:
    """Return L*a*b* colours (..., 3) as sRGB, float32; colours outside the gamut lie outside 0..1."""
    lightness, a, b = np.moveaxis(np.asarray(lab, np.float32), -1, 0)
    y = (lightness + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    part = np.where(root > 6 / 29, root**3, (root - 4 / 29) * (108 / 841))
    return np.asarray(linear_to_srgb(part @ XYZ_TO_RGB.T), np.float32)


def image_lab(pixels: NDArray[np.uint8]) -> Floats:
    """Return 8-bit sRGB (..., 3) as L*, a*, b*, float32, exact to about 0.3 units: cv2 interpolates in a table."""
    flat = np.ascontiguousarray(pixels.reshape(1, -1, 3)).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_RGB2LAB), np.float32).reshape(pixels.shape)


LUT_SIDE = 33  # colours along each axis of the table: every 8th of 256 grey levels

_LEVELS = np.linspace(0, 256, LUT_SIDE) / 255

_BLUE, _GREEN, _RED = np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij")

LUT_COLORS: Floats = np.stack([_RED, _GREEN, _BLUE], axis=-1).astype(np.float32)

"""The colours to compute a function for: (blue 33, green 33, red 33, RGB 3), sRGB, 0..256/255."""


def _blue_weights() -> Floats:
    """Return the weights (256, 33) that interpolate each grey level of blue between two levels of the table."""
    level = np.arange(256) / 8
    below = level.astype(int)
    weights = np.zeros((256, LUT_SIDE), np.float32)
    weights[np.arange(256), below] = 1 - (level - below)
    weights[np.arange(256), below + 1] += level - below
    return weights


_BLUE_WEIGHTS = _blue_weights()

_AXIS_POSITION = (np.arange(256) / 8).astype(np.float32)  # position of a grey level along an axis

STRIP_ROWS = 64  # rows at a time, so that intermediate results stay in the processor's cache

_SHEET_START = (np.arange(256) * LUT_SIDE).astype(np.float32)  # first row of the sheet for a level of blue


def apply_lut(image: Image, found: Floats) -> Image:
    """Return `image` through the function that turns `LUT_COLORS` into `found`, interpolated trilinearly.

    cv2.remap interpolates in two dimensions, so the table is first interpolated to a sheet of red by green for each
    of the 256 levels of blue; each pixel is then looked up on its sheet. `found`, float32 (33, 33, 33, 3), may lie
    outside 0..1: only the result is clipped, which keeps the edges of the gamut straight. Colours that the function
    does not change are kept exactly.
    """
    padded = np.zeros((*found.shape[:3], 4), np.float32)  # cv2 looks up four channels twice as fast as three
    np.multiply(found, np.float32(255), out=padded[..., :3])
    sheets = (_BLUE_WEIGHTS @ padded.reshape(LUT_SIDE, -1)).reshape(256 * LUT_SIDE, LUT_SIDE, 4)
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), STRIP_ROWS):
        red, green, blue = cv2.split(image[top : top + STRIP_ROWS])
        down = cv2.add(cv2.LUT(blue, _SHEET_START), cv2.LUT(green, _AXIS_POSITION))
        colors = cv2.remap(sheets, cv2.LUT(red, _AXIS_POSITION), down, cv2.INTER_LINEAR)
        whole = cv2.addWeighted(colors, 1.0, colors, 0.0, 0.0, dtype=cv2.CV_8U)
        cv2.cvtColor(whole, cv2.COLOR_RGBA2RGB, dst=result[top : top + STRIP_ROWS])
    return result


FloatArray = NDArray[np.floating]

ChannelMap = Callable[[FloatArray], FloatArray]  # values of one channel → their new values


QUANTILES = 64  # that represent a histogram: enough for its shape, few enough not to cause banding

_QUANTILE_LEVELS = (np.arange(QUANTILES) + 0.5) / QUANTILES

FLAT_DEVIATION = 1e-3  # a channel with a smaller deviation has no contrast to stretch

HUE_AGREEMENT = 0.2  # 0: hues all round the circle, 1: a single hue; below this a mean hue is meaningless

MAX_STRETCH = 4.0  # largest change of a channel's contrast in one frame: a flat image must not turn to noise

TABLE_SIZE = 4096  # entries of the lookup tables for a channel of floats

CHANNEL_RANGES = {
    "lab": ((0, 100.1), (-128, 128), (-128, 128)),
    "hsv": ((0, 360), (0, 1.001), (0, 1.001)),
    "rgb": ((-0.5, 255.5),) * 3,
}


class ColorStats(NamedTuple):
    """Colour statistics of an image; `hue` in radians, NaN outside HSV and where the image has no common hue."""

    mean: NDArray[np.float64]  # (3,)
    deviation: NDArray[np.float64]  # (3,)
    quantiles: NDArray[np.float64]  # (3, QUANTILES)
    hue: float


def color_stats(image: Image, space: str) -> ColorStats:
    """Return the colour statistics of `image` in the colour space `space`, measured on about 65,000 of its pixels.

    `space` is "lab" (0..100, about -100..100), "hsv" (degrees, 0..1, 0..1) or "rgb" (0..255).
    """
    pixels = _to_space(subsample(image)[None], space)
    mean, deviation = (np.asarray(row, np.float64).ravel() for row in cv2.meanStdDev(pixels))
    quantiles = np.stack([_quantiles(pixels, at, limits) for at, limits in enumerate(CHANNEL_RANGES[space])])
    return ColorStats(mean, deviation, quantiles, _mean_hue(pixels[0]) if space == "hsv" else np.nan)


def _quantiles(pixels: NDArray[np.float32], channel: int, limits: tuple[float, float]) -> NDArray[np.float64]:
    counts = cv2.calcHist([pixels], [channel], None, [TABLE_SIZE], list(limits)).ravel()
    below = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    edges = np.linspace(*limits, TABLE_SIZE + 1)
    rising = below / below[-1] + np.arange(TABLE_SIZE + 1) * 1e-12  # strictly, across empty bins too
    return np.interp(_QUANTILE_LEVELS, rising, edges)


def mix_stats(one: ColorStats, other: ColorStats, weight: float) -> ColorStats:
    """Return colour statistics between two: `one` at weight 0, `other` at weight 1; hues go the shorter way round."""
    mean, deviation, quantiles = (
        (1 - weight) * a + weight * b for a, b in zip(one[:3], other[:3], strict=True)
    )
    turn = (other.hue - one.hue + np.pi) % (2 * np.pi) - np.pi
    hue = one.hue + weight * turn if np.isfinite(turn) else other.hue
    return ColorStats(mean, deviation, quantiles, hue)


def match_color(
    image: Image, goal: ColorStats, space: str, by: str = "statistics", amount: float = 1.0
) -> Image:
    """Return `image` with its colours matched to `goal`, or a part `amount` (0..1) of the way there.

    `by` "statistics" gives each channel the mean and deviation of the goal (Reinhard et al. 2001), "histogram" its
    whole distribution. In HSV the hue, an angle, is rotated by the difference of the mean hues in both modes.
    """
    now = color_stats(image, space)
    goal = mix_stats(now, goal, amount)
    ways = [_METHODS[by](now, goal, channel) for channel in range(3)]
    return _APPLY[space](image, ways, goal.hue - now.hue)


def change_contrast(image: Image, ratio: float) -> Image:
    """Return `image` with differences from middle grey multiplied by `ratio`; clipped to 0..255."""
    table = np.clip(np.rint((np.arange(256) - 127.5) * ratio + 127.5), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), dtype=np.uint8)


def _statistics(now: ColorStats, goal: ColorStats, channel: int) -> ChannelMap:
    have, want = now.deviation[channel], goal.deviation[channel]
    ratio = (
        float(np.clip(want / max(have, FLAT_DEVIATION), 1 / MAX_STRETCH, MAX_STRETCH))
        if have > FLAT_DEVIATION
        else 1.0
    )
    return lambda values: (values - now.mean[channel]) * ratio + goal.mean[channel]


def _histogram(now: ColorStats, goal: ColorStats, channel: int) -> ChannelMap:
    have, want = now.deviation[channel], goal.deviation[channel]
    narrowed = min(1.0, MAX_STRETCH * have / max(want, FLAT_DEVIATION))
    aims = goal.mean[channel] + (goal.quantiles[channel] - goal.mean[channel]) * narrowed
    # Where many pixels share a value, they get the mean of the target values.
    found, which = np.unique(now.quantiles[channel], return_inverse=True)
    aims = np.bincount(which, aims) / np.bincount(which)

    def way(values: FloatArray) -> FloatArray:
        beyond = np.minimum(values - found[0], 0) + np.maximum(values - found[-1], 0)
        return np.asarray(np.interp(values, found, aims) + beyond)

    return way


_METHODS = {"statistics": _statistics, "histogram": _histogram}


def _apply_rgb(image: Image, ways: list[ChannelMap], _: float) -> Image:
    table = np.stack([way(np.arange(256.0)) for way in ways], axis=-1)[:, None]
    return np.asarray(cv2.LUT(image, np.clip(np.rint(table), 0, 255).astype(np.uint8)), dtype=np.uint8)


_LUT_LAB = rgb_to_lab(LUT_COLORS)


def _apply_lab(image: Image, ways: list[ChannelMap], _: float) -> Image:
    found = np.stack([way(_LUT_LAB[..., channel]) for channel, way in enumerate(ways)], axis=-1)
    return apply_lut(image, lab_to_rgb(found))


def _apply_hsv(image: Image, ways: list[ChannelMap], turn: float) -> Image:
    """Return `image` with its hue rotated by `turn` radians, and saturation and value mapped by `ways`.

    Not by a 3D lookup table, since hue is discontinuous at grey.
    """
    steps = np.linspace(0, 1, TABLE_SIZE)
    saturation, value = (np.clip(way(steps), 0, 1).astype(np.float32) for way in ways[1:])
    # cv2 accepts hues above 360 degrees, but not below 0.
    degrees = np.float32(np.degrees(turn) % 360 if np.isfinite(turn) else 0.0)
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), STRIP_ROWS):
        h, s, v = cv2.split(_to_space(image[top : top + STRIP_ROWS], "hsv"))
        parts = [np.asarray(h) + degrees, saturation.take(_table_index(s)), value.take(_table_index(v))]
        rgb = cv2.cvtColor(cv2.merge(parts), cv2.COLOR_HSV2RGB)
        result[top : top + STRIP_ROWS] = cv2.addWeighted(rgb, 255.0, rgb, 0.0, 0.0, dtype=cv2.CV_8U)
    return result


def _table_index(values: Any) -> NDArray[np.int32]:
    """Return values 0..1 as indices of a table with FINE entries."""
    return np.asarray(values * np.float32(TABLE_SIZE - 1) + np.float32(0.5), np.int32)


_APPLY = {"rgb": _apply_rgb, "lab": _apply_lab, "hsv": _apply_hsv}


def _to_space(pixels: NDArray[np.uint8], space: str) -> NDArray[np.float32]:
    """Return RGB pixels (..., 3) in the colour space "lab", "rgb" or "hsv"."""
    if space == "lab":
        return image_lab(pixels)
    if space == "rgb":
        return pixels.astype(np.float32)
    rows = pixels.reshape(-1, pixels.shape[-2], 3).astype(np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.cvtColor(rows, cv2.COLOR_RGB2HSV), np.float32).reshape(pixels.shape)


def _mean_hue(pixels: FloatArray) -> float:
    """Return the mean hue in radians, weighted by saturation and value since grey has no hue; NaN if hues disagree."""
    angle, weight = np.radians(pixels[..., 0]), pixels[..., 1] * pixels[..., 2]
    east, north = float((np.cos(angle) * weight).mean()), float((np.sin(angle) * weight).mean())
    found = np.hypot(east, north) > max(FLAT_DEVIATION, HUE_AGREEMENT * float(weight.mean()))
    return float(np.arctan2(north, east)) if found else np.nan


LIGHTNESS_WEIGHT = 0.1  # weight of a difference in lightness in the search for the nearest colour

_SHEPARD_EXPONENT = 4  # Shepard's exponent: 2 mixes in far colours, 8 switches between colours abruptly


class PalettePull:
    """Pulls images towards the palette `colors` (n, 3), RGB 0..255, n >= 1."""

    def __init__(self, colors: NDArray[np.uint8]) -> None:
        self._colors = rgb_to_lab(colors / 255)
        self.goal = _palette_target(_LUT_LAB, self._colors)  # what each of `cube.COLORS` is pulled to, L*a*b*

    def __call__(self, image: Image, amount: float) -> Image:
        """Return `image` with hue and chroma a part `amount` (0..1) of the way to the palette.

        Lightness stays, since it models the form, which a palette should not flatten.
        """
        return apply_lut(image, lab_to_rgb(_LUT_LAB + (self.goal - _LUT_LAB) * np.float32(amount)))

    def distance(self, image: Image) -> float:
        """Return the distance of `image` from the palette: mean CIE76 ΔE to the result of a pull with `amount` 1."""
        found = image_lab(subsample(image))
        return float(np.linalg.norm(_palette_target(found, self._colors) - found, axis=-1).mean())


def _palette_target(lab: Floats, colors: Floats) -> Floats:
    """Return the target of each colour (..., 3): tints and shades of `colors` (n, 3), weighted by nearness, in L*a*b*.

    The weights are Shepard's inverse distances (1968): smooth everywhere, so that there is no banding, and exact on
    the palette itself.
    """
    tinted = np.stack([_tint(lab[..., 0], color) for color in colors])
    other = LIGHTNESS_WEIGHT * (lab[..., 0] - colors[:, 0].reshape(-1, *[1] * (lab.ndim - 1))) ** 2
    square = ((tinted - lab) ** 2).sum(axis=-1) + other + np.float32(1e-3)
    weight = (square.min(axis=0) / square) ** (_SHEPARD_EXPONENT / 2)
    return np.asarray((tinted * (weight / weight.sum(axis=0))[..., None]).sum(axis=0), np.float32)


def _tint(lightness: Floats, color: Floats) -> Floats:
    """Return `color` at each `lightness`: a shade towards black below its own, a tint towards white above."""
    own = float(np.clip(color[0], 1, 99))
    part = np.minimum(lightness / own, (100 - lightness) / (100 - own))
    return np.stack([lightness, *(color[1:, None] * np.maximum(part, 0).ravel()).reshape(2, *part.shape)], -1)


def color_drift(image: Image, reference: ColorStats) -> float:
    """Return how far the colours of `image` have drifted from `reference` (measured in "lab"), as a CIE76 ΔE.

    The quantiles of L*, a* and b* are compared, not pixels, so that motion does not count as drift. If all colours
    change alike, the result is their ΔE.
    """
    return float(np.linalg.norm(color_stats(image, "lab").quantiles - reference.quantiles, axis=0).mean())


SAMPLE_SIZE = 65_536  # pixels: their mean lies within a third of a grey level of the whole image's


def subsample(image: Image) -> Image:
    """Return one pixel from each square block of `image`, (about 65,536, 3); all pixels if there are fewer.

    The position inside each block is random but fixed: a regular grid would see only every 4th line of a striped
    image, and new positions for every frame would make colours flicker.
    """
    return np.asarray(image).reshape(-1, 3).take(subsample_indices(*image.shape[:2]), axis=0)


@lru_cache(maxsize=8)
def subsample_indices(height: int, width: int) -> NDArray[np.intp]:
    """Return the indices of the sampled pixels, counted along the image's rows."""
    block = max(1, int(np.sqrt(height * width / SAMPLE_SIZE)))
    random = np.random.Generator(np.random.PCG64(0))
    rows, columns = np.arange(0, height - block + 1, block), np.arange(0, width - block + 1, block)
    shape = (len(rows), len(columns))
    down = rows[:, None] + random.integers(0, block, shape)
    right = columns[None, :] + random.integers(0, block, shape)
    return np.asarray(down * width + right, np.intp).ravel()


def parse_hex_color(color: str) -> tuple[int, int, int]:
    """Return (red, green, blue), 0..255 each, of a colour such as `#0a84ff` or `#08f`."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue
