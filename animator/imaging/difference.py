"""How far colours lie apart: CIE76 ΔE, the distance in L*a*b*; 1 is hardly seen, 2.3 is just seen."""

from __future__ import annotations

import numpy as np

from animator.frame import Image
from animator.imaging.color import Colors, measure
from animator.imaging.lab import lab_of


def delta_e(one: Image, other: Image) -> float:
    """Mean CIE76 ΔE between two pictures of one size, pixel by pixel: for pictures that show the same in one place."""
    return float(np.linalg.norm(lab_of(one) - lab_of(other), axis=-1).mean())


def drift(image: Image, reference: Colors) -> float:
    """How far the colours of `image` have come from `reference` (measured in "lab"), wherever they are in the picture.

    CIE76 between the two distributions: the quantiles of L*, a* and b* are compared, not pixels, so that a film
    that moves is not a film that drifts. Colours that all change alike give their ΔE.
    """
    return float(np.linalg.norm(measure(image, "lab").quantiles - reference.quantiles, axis=0).mean())
