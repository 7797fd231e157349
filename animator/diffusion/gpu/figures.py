"""Colour statistics of an image, computed and kept on the device without copying a number to the host."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch

from animator.diffusion.gpu.image import Picture
from animator.diffusion.gpu.spaces import to_space
from animator.diffusion.gpu.transfer import sent
from animator.imaging import sample
from animator.imaging.color import AGREEING, FINE, FLAT, QUANTILES, RANGE

Values = torch.Tensor  # float64


class Colors(NamedTuple):
    """Colour statistics of an image in one colour space, as float64 tensors on its device.

    `hue` is in radians; NaN outside HSV and for images without a common hue.
    """

    mean: Values  # (3,)
    deviation: Values  # (3,)
    quantiles: Values  # (3, QUANTILES)
    hue: Values  # ()


def measure(picture: Picture, space: str) -> Colors:
    """Measure the image's colours in "lab", "hsv" or "rgb", from the same sample of pixels as the CPU version."""
    height, width = picture.shape[:2]
    sampled = picture.pixels.reshape(-1, 3).index_select(0, _places(height, width, picture.device))
    values = to_space(sampled.T.double(), space)
    quantiles = [_quantiles(row, *limits) for row, limits in zip(values, RANGE[space], strict=True)]
    none = values.new_full((), torch.nan)
    hue = _hue(values) if space == "hsv" else none
    return Colors(values.mean(1), values.std(1, correction=0), torch.stack(quantiles), hue)


@lru_cache(maxsize=8)
def _places(height: int, width: int, device: torch.device) -> torch.Tensor:
    return sent(sample.places(height, width), device)


def _quantiles(values: Values, low: float, high: float) -> Values:
    """Return the quantiles from a histogram, as on the CPU; its integer counts do not depend on the order of sums."""
    at = ((values - low) * (FINE / (high - low))).long().clamp(0, FINE - 1)
    counts = values.new_zeros(FINE).scatter_add_(0, at, torch.ones_like(values))
    below = torch.cat([values.new_zeros(1), counts.cumsum(0)])
    steps = torch.arange(FINE + 1, dtype=values.dtype, device=values.device)
    rising = below / below[-1] + steps * 1e-12  # strictly rising, even over empty bins
    spread = (steps[:QUANTILES] + 0.5) / QUANTILES
    return interpolated(spread, rising, low + steps * ((high - low) / FINE))


def interpolated(values: Values, x: Values, y: Values) -> Values:
    """Interpolate linearly through the points (`x`, `y`), x rising, constant beyond the ends, as `np.interp` does."""
    after = torch.searchsorted(x, values.contiguous(), right=True).clamp(1, len(x) - 1)
    x0, x1, y0, y1 = x[after - 1], x[after], y[after - 1], y[after]
    part = (values - x0) / torch.where(x1 > x0, x1 - x0, 1.0)
    return torch.lerp(y0, y1, part.clamp(0, 1))


def _hue(values: Values) -> Values:
    """Return the mean hue in radians, weighted by saturation times value (greys have no hue); NaN if scattered."""
    angle, weight = values[0].deg2rad(), values[1] * values[2]
    east, north = (angle.cos() * weight).mean(), (angle.sin() * weight).mean()
    found = torch.hypot(east, north) > (AGREEING * weight.mean()).clamp(min=FLAT)
    return torch.where(found, torch.atan2(north, east), torch.nan)


def mix(one: Colors, other: Colors, weight: float) -> Colors:
    """Interpolate between two colour statistics: `one` at weight 0, `other` at weight 1; hue takes the shorter way."""
    mean, deviation, quantiles = (
        (1 - weight) * a + weight * b for a, b in zip(one[:3], other[:3], strict=True)
    )
    turn = (other.hue - one.hue + torch.pi).remainder(2 * torch.pi) - torch.pi
    hue = torch.where(turn.isfinite(), one.hue + weight * turn, other.hue)
    return Colors(mean, deviation, quantiles, hue)
