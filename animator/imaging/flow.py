"""Two pictures → one between them, along the motion that the camera does not explain: a product that turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging.blend import crossfade

Floats = NDArray[np.float32]

LARGEST = 512  # pixels of the longer side on which flow is looked for: more takes time and shows nothing more
AGREE = 4.0  # pixels there by which the way back may miss the start and still be believed by a third


def between(old: Image, new: Image, weight: float) -> Image:
    """`old` at weight 0, `new` at weight 1; in between every part is on its way from the one to the other.

    Optical flow by DIS (Kroeger et al. 2016), both ways, put together for the moment between as in Super SloMo
    (Jiang et al. 2018), without a network. Where the way forward and the way back disagree, since something
    appears or was painted anew, the two pictures are crossfaded where they stand.
    """
    (mixed,) = betweens(old, new, [weight])
    return mixed


def betweens(old: Image, new: Image, weights: Sequence[float]) -> Iterator[Image]:
    """The same for several weights: what moves where is looked for once."""
    scale = min(1.0, LARGEST / max(old.shape[:2]))
    ways: tuple[Floats, Floats] | None = None
    for weight in weights:
        if not 0.0 < weight < 1.0:
            yield crossfade(old, new, weight)
            continue
        ways = flows(grey(old, scale), grey(new, scale)) if ways is None else ways
        yield _between(old, new, weight, ways, scale)


def _between(old: Image, new: Image, weight: float, ways: tuple[Floats, Floats], scale: float) -> Image:
    """The picture between, by the ways ahead and back in pixels of both pictures made smaller by `scale`."""
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
    """The picture without its colours, made smaller by `scale`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return np.asarray(small, np.uint8)


def flows(old: Image, new: Image) -> tuple[Floats, Floats]:
    """Where each pixel of `old` has gone in `new`, (h, w, 2) in pixels, and the other way round."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ahead, back = np.zeros((*old.shape, 2), np.float32), np.zeros((*old.shape, 2), np.float32)
    search.calc(old, new, ahead)
    search.calc(new, old, back)
    return ahead, back


def agreement(way: Floats, back: Floats, agree: float = AGREE) -> Floats:
    """How far the way back from where `way` leads ends where it began: 1 where it does, 0 where it is far off."""
    missed = way + pulled(back, way, cv2.INTER_LINEAR)
    return np.asarray(np.exp(-(missed**2).sum(axis=-1) / np.float32(agree**2)), np.float32)


def pulled(image: NDArray[Any], way: Any, filter: int) -> NDArray[Any]:
    """What lies in `image` at the end of each pixel's `way`."""
    x, y = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in way.shape[1::-1]))
    found = cv2.remap(image, x + way[..., 0], y + way[..., 1], filter, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)
