"""The set of image operations that stages use: here for NumPy arrays, in diffusion/resident for images on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from animator.frame import Image
from animator.imaging import color
from animator.imaging import filters as noise
from animator.imaging.color import Pull
from animator.imaging.filters import crossfade, sharpen
from animator.imaging.warp import warp


class Tools(NamedTuple):
    """Image operations on one kind of image, each with the arguments of the NumPy function of its name."""

    picture: Callable[[Image], Any]  # array → image of that kind
    warp: Callable[..., Any]
    crossfade: Callable[..., Any]
    measure: Callable[..., Any]
    mix: Callable[..., Any]
    match: Callable[..., Any]
    contrast: Callable[..., Any]
    sharpen: Callable[..., Any]
    add_noise: Callable[..., Any]
    pull: Callable[..., Any]  # a palette's colours → a function of image and amount


def _same(image: Image) -> Image:
    return image


CPU = Tools(
    picture=_same,
    warp=warp,
    crossfade=crossfade,
    measure=color.measure,
    mix=color.mix,
    match=color.match,
    contrast=color.contrast,
    sharpen=sharpen,
    add_noise=noise.add_noise,
    pull=Pull,
)
