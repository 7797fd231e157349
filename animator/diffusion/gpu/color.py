"""Colour matching and palette pull on the device, equal to the NumPy versions except for rounding."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from animator.diffusion.gpu.figures import Colors, Values, interpolated, measure, mix
from animator.diffusion.gpu.filters import lookup
from animator.diffusion.gpu.image import Picture, pixels, planes
from animator.diffusion.gpu.spaces import hsv_to_rgb, lab_to_rgb, rgb_to_hsv, rgb_to_lab
from animator.diffusion.gpu.transfer import sent
from animator.imaging import cube, palette
from animator.imaging.color import FLAT, STRETCH

Way = Callable[[Values], Values]  # maps values (3, …), one row per channel, to new values of the same shape


def match(picture: Picture, goal: Colors, space: str, by: str = "statistics", amount: float = 1.0) -> Picture:
    """Return the image with its colours moved to `goal`, or a part `amount` (0..1) of the way.

    `goal` must be measured in the same `space` ("lab", "hsv" or "rgb"); `by` is "statistics" (mean and
    deviation) or "histogram".
    """
    now = measure(picture, space)
    goal = mix(now, goal, amount)
    return _APPLY[space](picture, _WAYS[by](now, goal), goal.hue - now.hue)


def _statistics(now: Colors, goal: Colors) -> Way:
    have, want = now.deviation, goal.deviation
    ratio = (want / have.clamp(min=FLAT)).clamp(1 / STRETCH, STRETCH)
    ratio = torch.where(have > FLAT, ratio, 1.0)

    def way(values: Values) -> Values:
        scale, old, new = (_rows(row, values) for row in (ratio, now.mean, goal.mean))
        return (values - old) * scale + new

    return way


def _histogram(now: Colors, goal: Colors) -> Way:
    narrowed = (STRETCH * now.deviation / goal.deviation.clamp(min=FLAT)).clamp(max=1.0)
    mean = goal.mean[:, None]
    aims = mean + (goal.quantiles - mean) * narrowed[:, None]
    found = now.quantiles

    def way(values: Values) -> Values:
        # In float64, because neighbouring quantiles may differ by less than float32 resolves.
        exact = values.double()
        moved = [interpolated(row, x, y) for row, x, y in zip(exact, found, aims, strict=True)]
        low, high = _rows(found[:, 0], exact), _rows(found[:, -1], exact)
        beyond = (exact - low).clamp(max=0) + (exact - high).clamp(min=0)
        return (torch.stack(moved) + beyond).to(values.dtype)

    return way


def _rows(figures: Values, values: Values) -> Values:
    """Reshape three figures, one per row of `values`, so that they broadcast over it."""
    return figures.to(values.dtype).reshape(3, *[1] * (values.ndim - 1))


_WAYS = {"statistics": _statistics, "histogram": _histogram}


def _apply_rgb(picture: Picture, way: Way, _: Values) -> Picture:
    levels = torch.arange(256, dtype=torch.float64, device=picture.device)
    return lookup(picture, way(levels.expand(3, -1)))


def _apply_lab(picture: Picture, way: Way, _: Values) -> Picture:
    return _through(picture, lab_to_rgb(way(_lab_table(picture.device))))


def _apply_hsv(picture: Picture, way: Way, turn: Values) -> Picture:
    """Convert every pixel instead of using a colour table, because hue is discontinuous at greys."""
    values = rgb_to_hsv(planes(picture) / 255)
    _, saturation, value = way(values).clamp(0, 1)
    degrees = torch.where(turn.isfinite(), turn.rad2deg(), 0.0).float()
    return picture.become(pixels(hsv_to_rgb(torch.stack([values[0] + degrees, saturation, value])) * 255))


_APPLY = {"rgb": _apply_rgb, "lab": _apply_lab, "hsv": _apply_hsv}


class Pull:
    """Pulls images on `device` towards a palette `colors` (n, 3), RGB 0..255; the GPU version of the NumPy class."""

    def __init__(self, colors: NDArray[np.uint8], device: torch.device) -> None:
        self._goal = _table(palette.Pull(colors).goal, device)

    def __call__(self, picture: Picture, amount: float) -> Picture:
        """Return the image with hue and chroma moved a part `amount` (0..1) towards the palette; lightness stays."""
        return _through(picture, lab_to_rgb(torch.lerp(_lab_table(picture.device), self._goal, amount)))


def _through(picture: Picture, found: Values) -> Picture:
    """Map the image's colours through a table: `found` (3, 33, 33, 33) holds the new colours of `cube.COLORS`.

    The table's axes are blue, green and red. Its colours are 8 grey levels apart and interpolated
    trilinearly.
    """
    grid = picture.pixels.float() / 128 - 1  # red, green, blue: grid_sample counts axes from the last
    colors = functional.grid_sample(
        found[None].float() * 255,
        grid[None, None],
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return picture.become(pixels(colors[0, :, 0]))


@lru_cache(maxsize=8)
def _lab_table(device: torch.device) -> Values:
    """Return `cube.COLORS` converted to L*a*b*, (3, 33, 33, 33)."""
    return rgb_to_lab(_table(cube.COLORS, device))


def _table(colors: NDArray[np.float32], device: torch.device) -> Values:
    """Copy a colour table (33, 33, 33, 3) to the device as float64, channels first."""
    return sent(colors, device).movedim(-1, 0).double().contiguous()
