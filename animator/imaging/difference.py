"""Colour differences as CIE76 ΔE, the distance in L*a*b*: 1 is hardly visible, 2.3 just noticeable."""

from __future__ import annotations

import numpy as np

from animator.frame import Image
from animator.imaging.color import Colors, measure
from animator.imaging.lab import lab_of


def delta_e(one: Image, other: Image) -> float:
    """Return the mean CIE76 ΔE between two images of one size, pixel by pixel: for images with aligned content."""
    return float(np.linalg.norm(lab_of(one) - lab_of(other), axis=-1).mean())


def drift(image: Image, reference: Colors) -> float:
    """Return how far the colours of `image` have drifted from `reference` (measured in "lab"), as a CIE76 ΔE.

    The quantiles of L*, a* and b* are compared, not pixels, so that motion does not count as drift. If all colours
    change alike, the result is their ΔE.
    """
    return float(np.linalg.norm(measure(image, "lab").quantiles - reference.quantiles, axis=0).mean())
