"""The set of image operations that stages use, for NumPy arrays; diffusion/gpu/backend.py has those for the GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from animator.frame import Image
from animator.imaging import color, filters
from animator.imaging.color import PalettePull
from animator.imaging.filters import crossfade, sharpen
from animator.imaging.warp import warp


class ImageBackend(NamedTuple):
    """Image operations on one kind of image, each with the arguments of the NumPy function of its name."""

    to_device: Callable[[Image], Any]  # array → image where these operations work, such as on a GPU
    warp: Callable[..., Any]
    crossfade: Callable[..., Any]
    measure: Callable[..., Any]
    mix: Callable[..., Any]
    match: Callable[..., Any]
    contrast: Callable[..., Any]
    sharpen: Callable[..., Any]
    add_noise: Callable[..., Any]
    pull: Callable[..., Any]  # a palette's colours → a function of image and amount


def _unchanged(image: Image) -> Image:
    return image


CPU_BACKEND = ImageBackend(
    to_device=_unchanged,
    warp=warp,
    crossfade=crossfade,
    measure=color.color_stats,
    mix=color.mix_stats,
    match=color.match_color,
    contrast=color.change_contrast,
    sharpen=sharpen,
    add_noise=filters.add_noise,
    pull=PalettePull,
)
