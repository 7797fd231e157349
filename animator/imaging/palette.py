"""Pull a picture towards a palette: every colour towards the tints and shades of the palette's nearest colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging import cube
from animator.imaging.lab import lab_of, to_lab, to_rgb
from animator.imaging.sample import sample

Floats = NDArray[np.float32]

LIGHTNESS = 0.1  # how much a difference in lightness counts when the nearest colour is looked for
_NEAR = 4  # Shepard's exponent: 2 mixes far colours in, 8 changes from one to the next in a step
_LAB = to_lab(cube.COLORS)


class Pull:
    """Pulls pictures towards `colors` (n, 3), RGB 0..255, at least one."""

    def __init__(self, colors: NDArray[np.uint8]) -> None:
        self._colors = to_lab(colors / 255)
        self.goal = _goal(_LAB, self._colors)  # what each of `cube.COLORS` is pulled to, L*a*b*

    def __call__(self, image: Image, amount: float) -> Image:
        """`image` with hue and chroma a part `amount` (0..1) of the way to the palette; its lightness stays.

        Lightness is the modelling of the form, which a palette is not to flatten.
        """
        return cube.apply(image, to_rgb(_LAB + (self.goal - _LAB) * np.float32(amount)))

    def distance(self, image: Image) -> float:
        """How far `image` is off the palette: mean CIE76 ΔE of its pixels to what `amount` 1 would make of them."""
        found = lab_of(sample(image))
        return float(np.linalg.norm(_goal(found, self._colors) - found, axis=-1).mean())


def _goal(lab: Floats, colors: Floats) -> Floats:
    """Where each colour (..., 3) belongs: the tints and shades of `colors` (n, 3), weighted by their nearness.

    Shepard's inverse distance weights (1968): smooth everywhere, so that there are no bands, and exact on the
    palette itself.
    """
    tinted = np.stack([_tinted(lab[..., 0], color) for color in colors])
    other = LIGHTNESS * (lab[..., 0] - colors[:, 0].reshape(-1, *[1] * (lab.ndim - 1))) ** 2
    square = ((tinted - lab) ** 2).sum(axis=-1) + other + np.float32(1e-3)
    weight = (square.min(axis=0) / square) ** (_NEAR / 2)
    return np.asarray((tinted * (weight / weight.sum(axis=0))[..., None]).sum(axis=0), np.float32)


def _tinted(lightness: Floats, color: Floats) -> Floats:
    """`color` in any lightness: a shade on the way to black below its own, a tint on the way to white above."""
    own = float(np.clip(color[0], 1, 99))
    part = np.minimum(lightness / own, (100 - lightness) / (100 - own))
    return np.stack([lightness, *(color[1:, None] * np.maximum(part, 0).ravel()).reshape(2, *part.shape)], -1)
