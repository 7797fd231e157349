"""Reuse saved painted frames: return them unchanged, without painting or stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from animator.frame import Frame, Image, State
from animator.render.loop import Paint, Stage


class Known:
    """A painter that returns saved painted frames, by frame number, and lets `paint` paint the others."""

    def __init__(self, paint: Paint, pictures: Mapping[int, Image]) -> None:
        self.paint, self.pictures = paint, pictures

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        known = frame.index in self.pictures
        return self.pictures[frame.index] if known else self.paint(frame, start)


class Unless:
    """A stage that skips the frames of which a painted frame is saved."""

    def __init__(self, stage: Stage, pictures: Mapping[int, Image]) -> None:
        self.stage, self.pictures = stage, pictures

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.index in self.pictures else self.stage(image, frame, state)


def unless_known(
    pictures: Mapping[int, Image], paint: Paint, before: Sequence[Stage], after: Sequence[Stage]
) -> tuple[Paint, list[Stage], list[Stage]]:
    """Return the painter and the stages before and after it, wrapped so that frames in `pictures` are not painted."""
    if not pictures:
        return paint, [*before], [*after]
    return (
        Known(paint, pictures),
        [Unless(stage, pictures) for stage in before],
        [Unless(stage, pictures) for stage in after],
    )
