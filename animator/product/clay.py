"""The product as a clay model in its parts' colours, with its shadow on the floor: previews and start images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging.color import linear_to_srgb
from animator.product.caster import Caster
from animator.product.hits import Hits
from animator.product.light import Light, floor_shadow, measure_light
from animator.product.view import Floats

BACKGROUND = (0.76, 0.76, 0.77)  # linear light
SHADOW = 0.8  # of the light that the floor loses where it is all in shadow
LEVELS = 1 << 13  # of linear light in the table of sRGB


def clay(
    hits: Hits,
    caster: Caster | None = None,
    floor: float | None = None,
    light: Light | None = None,
    background: tuple[float, float, float] = BACKGROUND,
    rays: int = 4,
) -> Image:
    """Return the product in its parts' colours over a plain background, sRGB uint8 (h, w, 3).

    With a `caster`, there are soft shadows on the product and on the plane y = `floor`; colours and `background` are
    linear light, 0..1.
    """
    light = light or Light()
    backdrop = np.broadcast_to(_f32(background), (hits.view.height, hits.view.width, 3))
    if caster is not None and floor is not None:
        dark = floor_shadow(caster, hits.view, floor, light, rays)
        backdrop = backdrop * (1 - SHADOW * dark)[..., None]
    lit = measure_light(hits, light, caster, rays).over(hits, hits.geometry.colors)
    return to_srgb(lit + backdrop * (1 - hits.coverage)[..., None])


def _f32(values: tuple[float, ...]) -> Floats:
    return np.array(values, np.float32)


def _srgb_table() -> NDArray[np.uint8]:
    """Return sRGB levels 0..255 of linear light in `LEVELS` steps from 0 to 1."""
    return np.asarray(np.rint(255 * linear_to_srgb(np.linspace(0, 1, LEVELS))), np.uint8)


SRGB = _srgb_table()


def to_srgb(light: Floats) -> Image:
    """Return linear light (..., 3) as sRGB, uint8; light over 1 is clipped."""
    return SRGB[(np.clip(light, 0, 1) * (LEVELS - 1) + 0.5).astype(np.int32)]
