"""The GPU as the place where a film's images stay: image operations, and the transfer from and to the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import torch

from animator.diffusion.gpu import color, filters
from animator.diffusion.gpu.filters import PrefetchedNoise, warp
from animator.diffusion.gpu.image import DeviceImage, to_device
from animator.frame import Frame, Image, Mask, State
from animator.imaging.backend import ImageBackend
from animator.models.painter import NO_HINTS, Hints, Painter, PainterWrapper


class GpuPlace:
    """Keeps the images of a film on a device, with the image operations that work there."""

    def __init__(self, name: str, frames: Sequence[Frame]) -> None:
        """`name` is torch's device name, such as "cuda"; `frames` are those to paint, in order."""
        self.device = torch.device(name)
        self.backend = ImageBackend(
            to_device=self._to_device,
            warp=warp,
            crossfade=filters.crossfade,
            measure=color.measure,
            mix=color.mix,
            match=color.match,
            contrast=filters.contrast,
            sharpen=filters.sharpen,
            add_noise=PrefetchedNoise(frames, self.device),
            pull=partial(color.PalettePull, device=self.device),
        )

    def _to_device(self, image: Any) -> DeviceImage:
        return to_device(image, self.device)

    def wrap_painter(self, painter: Painter) -> Painter:
        """Return `painter` with its images left on the device."""
        return OnDevicePainter(painter, self.device)

    def wrap_saved(self, images: Mapping[int, Image]) -> Mapping[int, Any]:
        """Return saved images by frame index, each copied to the device when it is read."""
        return LazyImages(images, self._to_device)

    def move_state(self, state: State) -> State:
        """Return `state` with all its images on the device."""
        return state.brought(self._to_device)

    def start_copies(self, film: Iterator[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """Yield from `film` and start to copy each finished image to the host before it is yielded."""
        with closing(film):  # type: ignore[type-var]
            for frame, state in film:
                shown: Any = state.shown
                shown.prefetch()
                yield frame, state


class OnDevicePainter(PainterWrapper):
    """A painter whose `paint` leaves its images on the device; masks and hints need the host."""

    def __init__(self, inner: Painter, device: torch.device) -> None:
        super().__init__(inner)
        self.device, self.capabilities = device, inner.capabilities - {"mask", "hints"}

    def paint(self, frame: Frame, start: Any, *, mask: Mask | None = None, hints: Hints = NO_HINTS) -> Any:
        self._refuse(mask, hints)
        return to_device(self.inner.paint_on_device(frame, start), self.device)


class LazyImages(Mapping[int, Any]):
    """Images by frame index, each copied to the device by `bring` when it is read."""

    def __init__(self, images: Mapping[int, Image], bring: Callable[[Image], DeviceImage]) -> None:
        self._pictures, self._bring = images, bring

    def __getitem__(self, index: int) -> DeviceImage:
        return self._bring(self._pictures[index])

    def __contains__(self, index: object) -> bool:
        return index in self._pictures  # Mapping's default would read the image

    def __iter__(self) -> Iterator[int]:
        return iter(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)
