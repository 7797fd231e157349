"""A device as the place where a film's pictures stay, see residing.py: its tools, and how pictures come and leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import torch

from animator.diffusion.gpu import color, figures, filters
from animator.diffusion.gpu.image import Picture, on
from animator.diffusion.gpu.noise import Ahead
from animator.diffusion.gpu.warp import warp
from animator.frame import Frame, Image, State
from animator.imaging.backend import Tools


class Device:
    """Where `frames` of a film are painted, and stay."""

    def __init__(self, name: str, frames: Sequence[Frame]) -> None:
        """`name`: torch's, such as "cuda"."""
        self.device = torch.device(name)
        self.tools = Tools(
            picture=self._here,
            warp=warp,
            crossfade=filters.crossfade,
            measure=figures.measure,
            mix=figures.mix,
            match=color.match,
            contrast=filters.contrast,
            sharpen=filters.sharpen,
            add_noise=Ahead(frames, self.device),
            pull=partial(color.Pull, device=self.device),
        )

    def _here(self, image: Any) -> Picture:
        return on(image, self.device)

    def painter(self, paint: Any) -> Callable[[Frame, Any], Any]:
        """What paints there: see residing.Keeping."""
        return lambda frame, start: self._here(paint.kept(frame, start))

    def known(self, pictures: Mapping[int, Image]) -> Mapping[int, Any]:
        """Paintings that are there already, as they come here when they are asked for."""
        return Known(pictures, self._here)

    def state(self, state: State) -> State:
        """A state whose pictures are here."""
        return state.brought(self._here)

    def watch(self, film: Iterator[tuple[Frame, State]]) -> Iterator[tuple[Frame, State]]:
        """`film`, whose finished pictures are on their way to the host when they are handed on."""
        with closing(film):  # type: ignore[type-var]
            for frame, state in film:
                shown: Any = state.shown
                shown.leave()
                yield frame, state


class Known(Mapping[int, Any]):
    """Pictures by frame, each brought to its place when it is asked for."""

    def __init__(self, pictures: Mapping[int, Image], bring: Callable[[Image], Picture]) -> None:
        self._pictures, self._bring = pictures, bring

    def __getitem__(self, index: int) -> Picture:
        return self._bring(self._pictures[index])

    def __contains__(self, index: object) -> bool:
        return index in self._pictures  # without reading it

    def __iter__(self) -> Iterator[int]:
        return iter(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)
