"""Interpolate between two images along optical flow: motion the camera does not explain, such as a turning product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging.blend import crossfade

Floats = NDArray[np.float32]

LARGEST = 512  # pixels of the longer side at which flow is computed: more takes longer and finds no more
AGREE = 4.0  # pixels at that size: forward-backward error at which a flow is trusted by 1/e


def between(old: Image, new: Image, weight: float) -> Image:
    """Return the image between `old` (weight 0) and `new` (weight 1), with every part moved along the optical flow.

    The flow is DIS (Kroeger et al. 2016) in both directions, combined for the time between as in Super SloMo
    (Jiang et al. 2018), without a network. Where forward and backward flow disagree, because something appears or
    was repainted, the two images are crossfaded without motion.
    """
    (mixed,) = betweens(old, new, [weight])
    return mixed


def betweens(old: Image, new: Image, weights: Sequence[float]) -> Iterator[Image]:
    """Yield the image between `old` and `new` for each weight, as `between` does; the flow is computed once."""
    scale = min(1.0, LARGEST / max(old.shape[:2]))
    ways: tuple[Floats, Floats] | None = None
    for weight in weights:
        if not 0.0 < weight < 1.0:
            yield crossfade(old, new, weight)
            continue
        ways = flows(grey(old, scale), grey(new, scale)) if ways is None else ways
        yield _between(old, new, weight, ways, scale)


def _between(old: Image, new: Image, weight: float, ways: tuple[Floats, Floats], scale: float) -> Image:
    """Return the image between, from forward and backward flow in pixels of both images shrunk by `scale`."""
    ahead, back = ways
    to_old = weight**2 * back - weight * (1 - weight) * ahead
    to_new = (1 - weight) ** 2 * ahead - weight * (1 - weight) * back
    size = old.shape[1::-1]
    moved = [
        pulled(picture, cv2.resize(way / np.float32(scale), size), cv2.INTER_CUBIC)
        for picture, way in ((old, to_old), (new, to_new))
    ]
    trust = [cv2.resize(agreement(*both), size) for both in ((ahead, back), (back, ahead))]
    share = [(1 - weight) * trust[0] + np.float32(1e-3), weight * trust[1] + np.float32(1e-3)]
    along = cv2.blendLinear(moved[0], moved[1], share[0], share[1])
    surely = np.maximum(*trust)
    mixed = cv2.blendLinear(along, crossfade(old, new, weight), surely, np.float32(1) - surely)
    return np.asarray(mixed, dtype=np.uint8)


def grey(image: Image, scale: float) -> Image:
    """Return `image` as grey, uint8 (height, width), shrunk by the factor `scale` if that is below 1."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return np.asarray(small, np.uint8)


def flows(old: Image, new: Image) -> tuple[Floats, Floats]:
    """Return the optical flow from `old` to `new` and back, two float32 (h, w, 2) in pixels; both images are grey."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ahead, back = np.zeros((*old.shape, 2), np.float32), np.zeros((*old.shape, 2), np.float32)
    search.calc(old, new, ahead)
    search.calc(new, old, back)
    return ahead, back


def agreement(way: Floats, back: Floats, agree: float = AGREE) -> Floats:
    """Return the forward-backward consistency of two flows: 1 where `back` returns to the start of `way`, 0 far off.

    `agree` is the error in pixels at which it is 1/e.
    """
    missed = way + pulled(back, way, cv2.INTER_LINEAR)
    return np.asarray(np.exp(-(missed**2).sum(axis=-1) / np.float32(agree**2)), np.float32)


def pulled(image: NDArray[Any], way: Any, filter: int) -> NDArray[Any]:
    """Return `image` sampled at the end of each pixel's flow vector in `way`; `filter` is cv2's interpolation."""
    x, y = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in way.shape[1::-1]))
    found = cv2.remap(image, x + way[..., 0], y + way[..., 1], filter, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)
