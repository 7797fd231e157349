"""Convert between the units and signs of Deforum's 3D camera and ours.

Deforum moves points of a world in which the image is 2 wide, by 1/200 per unit of translation, and projects them
with the focal length f = 1/tan(fov/2) in half image heights. With a depth map their depth is 1..2, without one it
is 1; our reference plane is half-way (1.5). A positive translation_x moves Deforum's image left and ours right; all
other signs agree.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from math import atan, degrees, radians, tan
from typing import NamedTuple

from animator.interop.keystrings import decimal
from animator.timeline.keystring import number

STEP = 1 / 200  # in Deforum's world, per unit of translation
DEEP = 1.5  # distance of the middle of a depth map, 1..2
SCALE = 2 / 3  # our depth_scale for that map: from 1 / 1.5 to 2 / 1.5 times the middle


class Space(NamedTuple):
    """Camera of a Deforum film: our horizontal field of view in degrees, and pixels per unit of its translations."""

    fov: float
    factors: dict[str, float]


def space(width: int, height: int, fov: float, deep: bool) -> Space:
    """Return the camera of a Deforum film of the vertical `fov` in degrees; `deep`: it uses a depth map."""
    f = 1 / tan(radians(fov) / 2)
    distance = DEEP if deep else 1.0
    side = f * height / 2 * STEP / distance
    # Deforum does not scale depth by f before projecting with f, so its camera approaches f times as fast.
    factors = {"translation_x": -side, "translation_y": side, "translation_z": side * f / distance}
    return Space(
        round(degrees(2 * atan(width / 2 / (f * height / 2))), 4),
        {name: float(f"{factor:.6g}") for name, factor in factors.items()},
    )


def vertical(width: int, height: int, fov: float) -> float:
    """Return Deforum's vertical field of view for our horizontal one, both in degrees."""
    return degrees(2 * atan(tan(radians(fov) / 2) * height / width))


def scaled(factor: float) -> Callable[[str], str]:
    """Return the conversion that multiplies a number or an expression by `factor`."""
    return partial(_times, Decimal(repr(factor)))


def divided(factor: float) -> Callable[[str], str]:
    """Return the inverse of the conversion `scaled(factor)`."""
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
        return inner[:-1]  # its text before the multiplication
    return f"({text})/({decimal(factor)})"
