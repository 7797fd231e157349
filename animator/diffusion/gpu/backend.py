"""The GPU as the place where a film's images stay: image operations, and the transfer from and to the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import torch

from animator.diffusion.gpu import color, filters
from animator.diffusion.gpu.filters import Ahead, warp
from animator.diffusion.gpu.image import Picture, on
from animator.frame import Frame, Image, State
from animator.imaging.backend import Tools


class Device:
    """Keeps the images of a film on a device, with the image operations that work there."""

    def __init__(self, name: str, frames: Sequence[Frame]) -> None:
        """`name` is torch's device name, such as "cuda"; `frames` are those to paint, in order."""
        self.device = torch.device(name)
        self.tools = Tools(
            picture=self._here,
            warp=warp,
            crossfade=filters.crossfade,
            measure=color.measure,
            mix=color.mix,
            match=color.match,
            contrast=filters.contrast,
            sharpen=filters.sharpen,
            add_noise=Ahead(frames, self.device),
            pull=partial(color.Pull, device=self.device),
        )

    def _here(self, image: Any) -> Picture:
        return on(image, self.device)

    def painter(self, paint: Any) -> Callable[[Frame, Any], Any]:
        """Return a function (frame, start) → image that paints with `paint` and leaves the image on the device."""
        return lambda frame, start: self._here(paint.kept(frame, start))

    def known(self, pictures: Mapping[int, Image]) -> Mapping[int, Any]:
        """Return saved images by frame index, each copied to the device when it is read."""
        return Known(pictures, self._here)

    def state(self, state: State) -> State:
        """Return `state` with all its images on the device."""
        return state.brought(self._here)

    def watch(self, film: Iterator[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """Yield from `film` and start to copy each finished image to the host before it is yielded."""
        with closing(film):  # type: ignore[type-var]
            for frame, state in film:
                shown: Any = state.shown
                shown.leave()
                yield frame, state


class Known(Mapping[int, Any]):
    """Images by frame index, each copied to the device by `bring` when it is read."""

    def __init__(self, pictures: Mapping[int, Image], bring: Callable[[Image], Picture]) -> None:
        self._pictures, self._bring = pictures, bring

    def __getitem__(self, index: int) -> Picture:
        return self._bring(self._pictures[index])

    def __contains__(self, index: object) -> bool:
        return index in self._pictures  # Mapping's default would read the image

    def __iter__(self) -> Iterator[int]:
        return iter(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)
