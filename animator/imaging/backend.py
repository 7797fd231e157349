"""What a film's pictures are worked on with: tools of numpy and cv2, or of the same names for another device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from animator.frame import Image
from animator.imaging import color
from animator.imaging import filters as noise
from animator.imaging.blend import crossfade
from animator.imaging.palette import Pull
from animator.imaging.sharpen import sharpen
from animator.imaging.warp import warp


class Tools(NamedTuple):
    """Functions that all take and give pictures of one kind, with the arguments of those they are called after."""

    picture: Callable[[Image], Any]  # from a file, as the others take it
    warp: Callable[..., Any]
    crossfade: Callable[..., Any]
    measure: Callable[..., Any]
    mix: Callable[..., Any]
    match: Callable[..., Any]
    contrast: Callable[..., Any]
    sharpen: Callable[..., Any]
    add_noise: Callable[..., Any]
    pull: Callable[..., Any]  # a palette's colours → what pulls a picture to them


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
