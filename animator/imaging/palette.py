"""Pull an image towards a palette: every colour towards tints and shades of the palette's nearest colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging import cube
from animator.imaging.lab import lab_of, to_lab, to_rgb
from animator.imaging.sample import sample

Floats = NDArray[np.float32]

LIGHTNESS = 0.1  # weight of a difference in lightness in the search for the nearest colour
_NEAR = 4  # Shepard's exponent: 2 mixes in far colours, 8 switches between colours abruptly
_LAB = to_lab(cube.COLORS)


class Pull:
    """Pulls images towards the palette `colors` (n, 3), RGB 0..255, n >= 1."""

    def __init__(self, colors: NDArray[np.uint8]) -> None:
        self._colors = to_lab(colors / 255)
        self.goal = _goal(_LAB, self._colors)  # what each of `cube.COLORS` is pulled to, L*a*b*

    def __call__(self, image: Image, amount: float) -> Image:
        """Return `image` with hue and chroma a part `amount` (0..1) of the way to the palette.

        Lightness stays, since it models the form, which a palette should not flatten.
        """
        return cube.apply(image, to_rgb(_LAB + (self.goal - _LAB) * np.float32(amount)))

    def distance(self, image: Image) -> float:
        """Return the distance of `image` from the palette: mean CIE76 ΔE to the result of a pull with `amount` 1."""
        found = lab_of(sample(image))
        return float(np.linalg.norm(_goal(found, self._colors) - found, axis=-1).mean())


def _goal(lab: Floats, colors: Floats) -> Floats:
    """Return the target of each colour (..., 3): tints and shades of `colors` (n, 3), weighted by nearness, in L*a*b*.

    The weights are Shepard's inverse distances (1968): smooth everywhere, so that there is no banding, and exact on
    the palette itself.
    """
    tinted = np.stack([_tinted(lab[..., 0], color) for color in colors])
    other = LIGHTNESS * (lab[..., 0] - colors[:, 0].reshape(-1, *[1] * (lab.ndim - 1))) ** 2
    square = ((tinted - lab) ** 2).sum(axis=-1) + other + np.float32(1e-3)
    weight = (square.min(axis=0) / square) ** (_NEAR / 2)
    return np.asarray((tinted * (weight / weight.sum(axis=0))[..., None]).sum(axis=0), np.float32)


def _tinted(lightness: Floats, color: Floats) -> Floats:
    """Return `color` at each `lightness`: a shade towards black below its own, a tint towards white above."""
    own = float(np.clip(color[0], 1, 99))
    part = np.minimum(lightness / own, (100 - lightness) / (100 - own))
    return np.stack([lightness, *(color[1:, None] * np.maximum(part, 0).ravel()).reshape(2, *part.shape)], -1)
