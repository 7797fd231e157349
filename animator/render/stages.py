"""Before and after steps of a painting: picture, frame, state → picture."""

from __future__ import annotations

from collections.abc import Callable

from animator.frame import Frame, Image, State
from animator.pixels import color, noise
from animator.pixels.palette import Pull
from animator.pixels.sharpen import sharpen

Goal = Callable[
    [Image, State], color.Colors | None
]  # what a picture's colours are to become; None: what they are


class First:
    """The colours of the film's first painting, or of the first one since they were last taken anew."""

    def __init__(self, space: str) -> None:
        self.space = space
        self._last: tuple[Image | None, color.Colors | None] = (None, None)

    def __call__(self, image: Image, state: State) -> color.Colors | None:  # noqa: ARG002 (a goal's shape)
        reference, colors = self._last
        if reference is not state.reference:
            # The reference stays the same for a whole shot: measure it once.
            colors = None if state.reference is None else color.measure(state.reference, self.space)
            self._last = state.reference, colors  # in one step, since threads may share a goal
        return colors


class Fixed:
    """The colours of a picture file, for the whole film."""

    def __init__(self, picture: Image, space: str) -> None:
        self._colors = color.measure(picture, space)

    def __call__(self, image: Image, state: State) -> color.Colors:  # noqa: ARG002 (a goal's shape)
        return self._colors


class Rolling:
    """A mean of the paintings so far that forgets: each new one counts 1/`memory`, and flicker is smoothed away.

    The last painting already has the colours of the mean before it, so that nothing else need be remembered.
    """

    def __init__(self, space: str, memory: float) -> None:
        self.space, self.memory = space, memory

    def __call__(self, image: Image, state: State) -> color.Colors | None:
        if state.painting is None:
            return None
        last, now = (color.measure(picture, self.space) for picture in (state.painting, image))
        return color.mix(last, now, 1 / self.memory)


class MatchColor:
    """Bring a picture's colours to a goal, as far as the frame says."""

    def __init__(self, goal: Goal, space: str, by: str) -> None:
        self.goal, self.space, self.by = goal, space, by

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        goal = self.goal(image, state) if frame.grade.color_amount else None
        if goal is None:
            return image
        return color.match(image, goal, self.space, self.by, frame.grade.color_amount)


class UnlessAnchor:
    """A stage that leaves out the frames whose paintings are what colours are matched to from there on."""

    def __init__(self, stage: Callable[[Image, Frame, State], Image]) -> None:
        self.stage = stage

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.anchor else self.stage(image, frame, state)


class PullToPalette:
    """Pull a painting towards a palette, as far as the frame says."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        amount = frame.grade.palette_amount
        return self.pull(image, amount) if amount else image


class AddNoise:
    """Fresh noise from the frame's seed: something for the model to make detail of."""

    def __init__(self, clouds: bool = False) -> None:
        self.clouds = clouds

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        amount = frame.grade.noise
        return noise.add_noise(image, amount, frame.seed, self.clouds) if amount else image


def contrast(image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG001 (a stage's shape)
    return image if frame.grade.contrast == 1.0 else color.contrast(image, frame.grade.contrast)


def sharpened(image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG001 (a stage's shape)
    return sharpen(image, frame.grade.sharpen) if frame.grade.sharpen else image
