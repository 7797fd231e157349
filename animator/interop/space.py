"""Deforum's camera in space and ours: how much its units are in our pixels, and which way they go.

Deforum moves points of a world whose picture is 2 wide by a two-hundredth per unit, and shows them through
f = 1/tan(fov/2) of the height. Their depth lies between 1 and 2 with a depth map, and is 1 without; our reference
plane stands half-way. + translation_x moves its picture left, ours right; all else goes the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from math import atan, degrees, radians, tan
from typing import NamedTuple

from animator.interop.keystrings import decimal
from animator.timeline.keystring import number

STEP = 1 / 200  # of Deforum's world, per unit of translation
DEEP = 1.5  # distance of the middle of a depth map, 1..2
SCALE = 2 / 3  # our depth_scale for it: from 1 / 1.5 to 2 / 1.5 times the middle


class Space(NamedTuple):
    """A film's camera: our field of view, and our pixels per unit of Deforum's translations."""

    fov: float
    factors: dict[str, float]


def space(width: int, height: int, fov: float, deep: bool) -> Space:
    """The camera of a film of Deforum's with the vertical `fov` in degrees; `deep`: it has a depth map."""
    f = 1 / tan(radians(fov) / 2)
    distance = DEEP if deep else 1.0
    side = f * height / 2 * STEP / distance
    # Its points are not moved out by f before they are seen through f, so that it comes nearer f times as fast.
    factors = {"translation_x": -side, "translation_y": side, "translation_z": side * f / distance}
    return Space(
        round(degrees(2 * atan(width / 2 / (f * height / 2))), 4),
        {name: float(f"{factor:.6g}") for name, factor in factors.items()},
    )


def vertical(width: int, height: int, fov: float) -> float:
    """Deforum's field of view for our horizontal one."""
    return degrees(2 * atan(tan(radians(fov) / 2) * height / width))


def scaled(factor: float) -> Callable[[str], str]:
    """The conversion of a number or an expression that multiplies it."""
    return partial(_times, Decimal(repr(factor)))


def divided(factor: float) -> Callable[[str], str]:
    """The way back."""
    return partial(_over, Decimal(repr(factor)))


def _times(factor: Decimal, text: str) -> str:
    plain = number(text)
    if plain is not None:
        return decimal(Decimal(repr(plain)) * factor)
    return f"{decimal(factor)}*({text})"


def _over(factor: Decimal, text: str) -> str:
    plain = number(text)
    if plain is not None:
        return decimal(Decimal(f"{Decimal(repr(plain)) / factor:.14g}"))
    before, star, inner = text.partition("*(")
    if star and before == decimal(factor) and inner.endswith(")"):
        return inner[:-1]  # as it was before it was multiplied
    return f"({text})/({decimal(factor)})"
