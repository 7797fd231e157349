"""Paintings that are there already: they are shown as they are, and nothing is done for them or to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from animator.frame import Frame, Image, State
from animator.render.loop import Paint, Stage


class Known:
    """A painter that takes the paintings it knows, by frame, and has the others painted."""

    def __init__(self, paint: Paint, pictures: Mapping[int, Image]) -> None:
        self.paint, self.pictures = paint, pictures

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        known = frame.index in self.pictures
        return self.pictures[frame.index] if known else self.paint(frame, start)


class Unless:
    """A stage that leaves out the frames whose paintings are known."""

    def __init__(self, stage: Stage, pictures: Mapping[int, Image]) -> None:
        self.stage, self.pictures = stage, pictures

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.index in self.pictures else self.stage(image, frame, state)


def unless_known(
    pictures: Mapping[int, Image], paint: Paint, before: Sequence[Stage], after: Sequence[Stage]
) -> tuple[Paint, list[Stage], list[Stage]]:
    """A painter and its stages that work only for paintings that are not in `pictures`."""
    if not pictures:
        return paint, [*before], [*after]
    return (
        Known(paint, pictures),
        [Unless(stage, pictures) for stage in before],
        [Unless(stage, pictures) for stage in after],
    )
