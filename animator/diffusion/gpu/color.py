"""Match a picture's colours to a reference's, and pull them to a palette, on its device: as pixels/color.py does."""

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

Way = Callable[[Values], Values]  # (3, …), each row the values of one channel → what becomes of them


def match(picture: Picture, goal: Colors, space: str, by: str = "statistics", amount: float = 1.0) -> Picture:
    """`picture` with its colours brought to `goal`, or a part `amount` (0..1) of the way there."""
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
        # In float64, since a picture's quantiles may lie as near as that.
        exact = values.double()
        moved = [interpolated(row, x, y) for row, x, y in zip(exact, found, aims, strict=True)]
        low, high = _rows(found[:, 0], exact), _rows(found[:, -1], exact)
        beyond = (exact - low).clamp(max=0) + (exact - high).clamp(min=0)
        return (torch.stack(moved) + beyond).to(values.dtype)

    return way


def _rows(figures: Values, values: Values) -> Values:
    """One figure for each row of `values`, to compute with."""
    return figures.to(values.dtype).reshape(3, *[1] * (values.ndim - 1))


_WAYS = {"statistics": _statistics, "histogram": _histogram}


def _apply_rgb(picture: Picture, way: Way, _: Values) -> Picture:
    levels = torch.arange(256, dtype=torch.float64, device=picture.device)
    return lookup(picture, way(levels.expand(3, -1)))


def _apply_lab(picture: Picture, way: Way, _: Values) -> Picture:
    return _through(picture, lab_to_rgb(way(_lab_table(picture.device))))


def _apply_hsv(picture: Picture, way: Way, turn: Values) -> Picture:
    """Not by a table of colours: the hue of greys has a step in it."""
    values = rgb_to_hsv(planes(picture) / 255)
    _, saturation, value = way(values).clamp(0, 1)
    degrees = torch.where(turn.isfinite(), turn.rad2deg(), 0.0).float()
    return picture.become(pixels(hsv_to_rgb(torch.stack([values[0] + degrees, saturation, value])) * 255))


_APPLY = {"rgb": _apply_rgb, "lab": _apply_lab, "hsv": _apply_hsv}


class Pull:
    """Pulls pictures on `device` towards `colors` (n, 3), RGB 0..255, as pixels/palette.py does."""

    def __init__(self, colors: NDArray[np.uint8], device: torch.device) -> None:
        self._goal = _table(palette.Pull(colors).goal, device)

    def __call__(self, picture: Picture, amount: float) -> Picture:
        """`picture` with hue and chroma a part `amount` (0..1) of the way to the palette; its lightness stays."""
        return _through(picture, lab_to_rgb(torch.lerp(_lab_table(picture.device), self._goal, amount)))


def _through(picture: Picture, found: Values) -> Picture:
    """`picture` through the function that turns `cube.COLORS` into `found`, (3, 33, 33, 33) of blue, green, red.

    Interpolated trilinearly between the table's colours, which are 8 grey levels apart.
    """
    grid = picture.pixels.float() / 128 - 1  # red, green, blue: as grid_sample counts its axes, from the last
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
    """`cube.COLORS` as L*a*b*, (3, 33, 33, 33)."""
    return rgb_to_lab(_table(cube.COLORS, device))


def _table(colors: NDArray[np.float32], device: torch.device) -> Values:
    """A table (33, 33, 33, 3) on the device, channels first."""
    return sent(colors, device).movedim(-1, 0).double().contiguous()
