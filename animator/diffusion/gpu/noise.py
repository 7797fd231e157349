"""Noise for images on a device, drawn on the CPU one frame ahead, so that a seed gives the same noise everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import torch

from animator.diffusion.gpu.filters import added
from animator.diffusion.gpu.image import Picture
from animator.diffusion.gpu.transfer import pinned
from animator.frame import Frame
from animator.imaging.filters import drawn


class Draw(NamedTuple):
    """Parameters of one noise image, besides its shape and kind."""

    amount: float
    seed: int


class Ahead:
    """The `add_noise` function for `frames`; a thread draws the noise of the next frame while the GPU paints.

    Other frames, or frames out of order, also get the correct noise, but it is drawn only when it is needed.
    """

    def __init__(self, frames: Iterable[Frame], device: torch.device) -> None:
        draws = [Draw(f.grade.noise, f.seed) for f in frames if f.diffuse and f.grade.noise]
        self._following = dict(pairwise(draws))
        self._device = device
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="animator-noise")
        self._coming: tuple[Draw, Future[torch.Tensor]] | None = None

    def __call__(self, picture: Picture, amount: float, seed: int, clouds: bool = False) -> Picture:
        """Add Gaussian noise of deviation 127.5 * `amount` grey levels, scaled by Perlin noise if `clouds`."""
        wanted, shape, coming = Draw(amount, seed), picture.shape, self._coming
        foreseen = coming is not None and coming[0] == wanted
        noise = coming[1] if coming is not None and foreseen else self._drawn(wanted, shape, clouds)
        following = self._following.get(wanted)
        self._coming = None if following is None else (following, self._drawn(following, shape, clouds))
        return added(picture, noise.result().to(self._device, non_blocking=True))

    def _drawn(self, wanted: Draw, shape: tuple[int, ...], clouds: bool) -> Future[torch.Tensor]:
        return self._thread.submit(lambda: pinned(drawn(shape, *wanted, clouds), self._device))
