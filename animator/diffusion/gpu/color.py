"""Colour spaces, statistics, matching and palettes for images on the GPU, equal to the CPU's but for rounding.

Values have shape (3, …), channels first; float64, except that whole images are float32. imaging/color.py holds the
same mathematics for NumPy arrays. No number is copied to the host.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from animator.diffusion.gpu.filters import look_up
from animator.diffusion.gpu.image import DeviceImage, from_planes, send_to_device, to_planes
from animator.imaging import color
from animator.imaging.color import (
    CHANNEL_RANGES,
    FLAT_DEVIATION,
    HUE_AGREEMENT,
    MAX_STRETCH,
    QUANTILES,
    TABLE_SIZE,
)

Values = torch.Tensor


def to_space(levels: Values, space: str) -> Values:
    """Convert grey levels 0..255 to "lab" (0..100, about -100..100), "hsv" (degrees, 0..1, 0..1) or "rgb" (as is)."""
    return _FROM_LEVELS[space](levels)


def rgb_to_lab(rgb: Values) -> Values:
    """Convert sRGB (0..1) to CIE L*a*b* (0..100, about -100..100)."""
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    part = _apply_matrix(color.RGB_TO_XYZ / color.WHITE_XYZ[:, None], light)
    root = torch.where(part > 216 / 24389, part.clamp(min=0) ** (1 / 3), part * (841 / 108) + 4 / 29)
    x, y, z = root
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lab_to_rgb(values: Values) -> Values:
    """Convert CIE L*a*b* to sRGB; colours outside the sRGB gamut lie outside 0..1."""
    lightness, a, b = values
    y = (lightness + 16) / 116
    root = torch.stack([y + a / 500, y, y - b / 200])
    part = torch.where(root > 6 / 29, root**3, (root - 4 / 29) * (108 / 841))
    light = _apply_matrix(color.XYZ_TO_RGB, part)
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


def _apply_matrix(matrix: NDArray[np.floating], values: Values) -> Values:
    """Multiply each of `values` by `matrix` (3, 3); entries are passed as scalars, without a copy to the device."""
    x, y, z = values
    return torch.stack([x * float(a) + y * float(b) + z * float(c) for a, b, c in matrix])


_FROM_LEVELS: dict[str, Callable[[Values], Values]] = {
    "lab": lambda levels: rgb_to_lab(levels / 255),
    "hsv": lambda levels: rgb_to_hsv(levels / 255),
    "rgb": lambda levels: levels,
}


class DeviceColorStats(NamedTuple):
    """Colour statistics of an image in one colour space, as float64 tensors on its device.

    `hue` is in radians; NaN outside HSV and for images without a common hue.
    """

    mean: Values  # (3,)
    deviation: Values  # (3,)
    quantiles: Values  # (3, QUANTILES)
    hue: Values  # ()


def measure(image: DeviceImage, space: str) -> DeviceColorStats:
    """Measure the image's colours in "lab", "hsv" or "rgb", from the same sample of pixels as the CPU version."""
    height, width = image.shape[:2]
    sampled = image.pixels.reshape(-1, 3).index_select(0, _sample_places(height, width, image.device))
    values = to_space(sampled.T.double(), space)
    quantiles = [_quantiles(row, *limits) for row, limits in zip(values, CHANNEL_RANGES[space], strict=True)]
    none = values.new_full((), torch.nan)
    hue = _mean_hue(values) if space == "hsv" else none
    return DeviceColorStats(values.mean(1), values.std(1, correction=0), torch.stack(quantiles), hue)


@lru_cache(maxsize=8)
def _sample_places(height: int, width: int, device: torch.device) -> torch.Tensor:
    return send_to_device(color.subsample_indices(height, width), device)


def _quantiles(values: Values, low: float, high: float) -> Values:
    """Return the quantiles from a histogram, as on the CPU; its integer counts do not depend on the order of sums."""
    at = ((values - low) * (TABLE_SIZE / (high - low))).long().clamp(0, TABLE_SIZE - 1)
    counts = values.new_zeros(TABLE_SIZE).scatter_add_(0, at, torch.ones_like(values))
    below = torch.cat([values.new_zeros(1), counts.cumsum(0)])
    steps = torch.arange(TABLE_SIZE + 1, dtype=values.dtype, device=values.device)
    rising = below / below[-1] + steps * 1e-12  # strictly rising, even over empty bins
    spread = (steps[:QUANTILES] + 0.5) / QUANTILES
    return interpolate(spread, rising, low + steps * ((high - low) / TABLE_SIZE))


def interpolate(values: Values, x: Values, y: Values) -> Values:
    """Interpolate linearly through the points (`x`, `y`), x rising, constant beyond the ends, as `np.interp` does."""
    after = torch.searchsorted(x, values.contiguous(), right=True).clamp(1, len(x) - 1)
    x0, x1, y0, y1 = x[after - 1], x[after], y[after - 1], y[after]
    part = (values - x0) / torch.where(x1 > x0, x1 - x0, 1.0)
    return torch.lerp(y0, y1, part.clamp(0, 1))


def _mean_hue(values: Values) -> Values:
    """Return the mean hue in radians, weighted by saturation times value (greys have no hue); NaN if scattered."""
    angle, weight = values[0].deg2rad(), values[1] * values[2]
    east, north = (angle.cos() * weight).mean(), (angle.sin() * weight).mean()
    found = torch.hypot(east, north) > (HUE_AGREEMENT * weight.mean()).clamp(min=FLAT_DEVIATION)
    return torch.where(found, torch.atan2(north, east), torch.nan)


def mix(one: DeviceColorStats, other: DeviceColorStats, weight: float) -> DeviceColorStats:
    """Interpolate between two colour statistics: `one` at weight 0, `other` at weight 1; hue takes the shorter way."""
    mean, deviation, quantiles = (
        (1 - weight) * a + weight * b for a, b in zip(one[:3], other[:3], strict=True)
    )
    turn = (other.hue - one.hue + torch.pi).remainder(2 * torch.pi) - torch.pi
    hue = torch.where(turn.isfinite(), one.hue + weight * turn, other.hue)
    return DeviceColorStats(mean, deviation, quantiles, hue)


ChannelMap = Callable[
    [Values], Values
]  # maps values (3, …), one row per channel, to new values of the same shape


def match(
    image: DeviceImage, goal: DeviceColorStats, space: str, by: str = "statistics", amount: float = 1.0
) -> DeviceImage:
    """Return the image with its colours moved to `goal`, or a part `amount` (0..1) of the way.

    `goal` must be measured in the same `space` ("lab", "hsv" or "rgb"); `by` is "statistics" (mean and
    deviation) or "histogram".
    """
    now = measure(image, space)
    goal = mix(now, goal, amount)
    return _APPLY[space](image, _MATCHERS[by](now, goal), goal.hue - now.hue)


def _statistics_map(now: DeviceColorStats, goal: DeviceColorStats) -> ChannelMap:
    have, want = now.deviation, goal.deviation
    ratio = (want / have.clamp(min=FLAT_DEVIATION)).clamp(1 / MAX_STRETCH, MAX_STRETCH)
    ratio = torch.where(have > FLAT_DEVIATION, ratio, 1.0)

    def way(values: Values) -> Values:
        scale, old, new = (_per_channel(row, values) for row in (ratio, now.mean, goal.mean))
        return (values - old) * scale + new

    return way


def _histogram_map(now: DeviceColorStats, goal: DeviceColorStats) -> ChannelMap:
    narrowed = (MAX_STRETCH * now.deviation / goal.deviation.clamp(min=FLAT_DEVIATION)).clamp(max=1.0)
    mean = goal.mean[:, None]
    aims = mean + (goal.quantiles - mean) * narrowed[:, None]
    found = now.quantiles

    def way(values: Values) -> Values:
        # In float64, because neighbouring quantiles may differ by less than float32 resolves.
        exact = values.double()
        moved = [interpolate(row, x, y) for row, x, y in zip(exact, found, aims, strict=True)]
        low, high = _per_channel(found[:, 0], exact), _per_channel(found[:, -1], exact)
        beyond = (exact - low).clamp(max=0) + (exact - high).clamp(min=0)
        return (torch.stack(moved) + beyond).to(values.dtype)

    return way


def _per_channel(figures: Values, values: Values) -> Values:
    """Reshape three figures, one per row of `values`, so that they broadcast over it."""
    return figures.to(values.dtype).reshape(3, *[1] * (values.ndim - 1))


_MATCHERS = {"statistics": _statistics_map, "histogram": _histogram_map}


def _apply_rgb(image: DeviceImage, way: ChannelMap, _: Values) -> DeviceImage:
    levels = torch.arange(256, dtype=torch.float64, device=image.device)
    return look_up(image, way(levels.expand(3, -1)))


def _apply_lab(image: DeviceImage, way: ChannelMap, _: Values) -> DeviceImage:
    return _apply_color_table(image, lab_to_rgb(way(_lab_table(image.device))))


def _apply_hsv(image: DeviceImage, way: ChannelMap, turn: Values) -> DeviceImage:
    """Convert every pixel instead of using a colour table, because hue is discontinuous at greys."""
    values = rgb_to_hsv(to_planes(image) / 255)
    _, saturation, value = way(values).clamp(0, 1)
    degrees = torch.where(turn.isfinite(), turn.rad2deg(), 0.0).float()
    return image.with_pixels(
        from_planes(hsv_to_rgb(torch.stack([values[0] + degrees, saturation, value])) * 255)
    )


_APPLY = {"rgb": _apply_rgb, "lab": _apply_lab, "hsv": _apply_hsv}


class PalettePull:
    """Pulls images on `device` towards a palette `colors` (n, 3), RGB 0..255; the GPU version of the NumPy class."""

    def __init__(self, colors: NDArray[np.uint8], device: torch.device) -> None:
        self._goal = _table_on_device(color.PalettePull(colors).goal, device)

    def __call__(self, image: DeviceImage, amount: float) -> DeviceImage:
        """Return the image with hue and chroma moved a part `amount` (0..1) towards the palette; lightness stays."""
        return _apply_color_table(image, lab_to_rgb(torch.lerp(_lab_table(image.device), self._goal, amount)))


def _apply_color_table(image: DeviceImage, found: Values) -> DeviceImage:
    """Map the image's colours through a table: `found` (3, 33, 33, 33) holds the new colours of `cube.COLORS`.

    The table's axes are blue, green and red. Its colours are 8 grey levels apart and interpolated
    trilinearly.
    """
    grid = image.pixels.float() / 128 - 1  # red, green, blue: grid_sample counts axes from the last
    colors = functional.grid_sample(
        found[None].float() * 255,
        grid[None, None],
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return image.with_pixels(from_planes(colors[0, :, 0]))


@lru_cache(maxsize=8)
def _lab_table(device: torch.device) -> Values:
    """Return `cube.COLORS` converted to L*a*b*, (3, 33, 33, 33)."""
    return rgb_to_lab(_table_on_device(color.LUT_COLORS, device))


def _table_on_device(colors: NDArray[np.float32], device: torch.device) -> Values:
    """Copy a colour table (33, 33, 33, 3) to the device as float64, channels first."""
    return send_to_device(colors, device).movedim(-1, 0).double().contiguous()
