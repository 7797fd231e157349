"""Before and after steps of a painting: picture, frame, state → picture; done with the tools of where pictures are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from animator.frame import Frame, Image, State
from animator.imaging.backend import CPU, Tools
from animator.imaging.palette import Pull

Goal = Callable[[Image, State], Any]  # what a picture's colours are to become; None: what they are


class First:
    """The colours of the film's first painting, or of the first one since they were last taken anew."""

    def __init__(self, space: str, tools: Tools = CPU) -> None:
        self.space, self.tools = space, tools
        self._last: tuple[Image | None, Any] = (None, None)

    def __call__(self, image: Image, state: State) -> Any:  # noqa: ARG002 (a goal's shape)
        reference, colors = self._last
        if reference is not state.reference:
            # The reference stays the same for a whole shot: measure it once.
            colors = None if state.reference is None else self.tools.measure(state.reference, self.space)
            self._last = state.reference, colors  # in one step, since threads may share a goal
        return colors


class Fixed:
    """The colours of a picture file, for the whole film."""

    def __init__(self, picture: Image, space: str, tools: Tools = CPU) -> None:
        self._colors = tools.measure(tools.picture(picture), space)

    def __call__(self, image: Image, state: State) -> Any:  # noqa: ARG002 (a goal's shape)
        return self._colors


class Rolling:
    """A mean of the paintings so far that forgets: each new one counts 1/`memory`, and flicker is smoothed away.

    The last painting already has the colours of the mean before it, so that nothing else need be remembered.
    """

    def __init__(self, space: str, memory: float, tools: Tools = CPU) -> None:
        self.space, self.memory, self.tools = space, memory, tools

    def __call__(self, image: Image, state: State) -> Any:
        if state.painting is None:
            return None
        last, now = (self.tools.measure(picture, self.space) for picture in (state.painting, image))
        return self.tools.mix(last, now, 1 / self.memory)


class MatchColor:
    """Bring a picture's colours to a goal, as far as the frame says."""

    def __init__(self, goal: Goal, space: str, by: str, tools: Tools = CPU) -> None:
        self.goal, self.space, self.by, self.tools = goal, space, by, tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        goal = self.goal(image, state) if frame.grade.color_amount else None
        if goal is None:
            return image
        matched: Image = self.tools.match(image, goal, self.space, self.by, frame.grade.color_amount)
        return matched


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

    def __init__(self, clouds: bool = False, tools: Tools = CPU) -> None:
        self.clouds, self.tools = clouds, tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        if not frame.grade.noise:
            return image
        noisy: Image = self.tools.add_noise(image, frame.grade.noise, frame.seed, self.clouds)
        return noisy


class Contrast:
    """More contrast or less, as the frame says."""

    def __init__(self, tools: Tools = CPU) -> None:
        self.tools = tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        ratio = frame.grade.contrast
        changed: Image = image if ratio == 1.0 else self.tools.contrast(image, ratio)
        return changed


class Sharpen:
    """Sharper, by as much as the frame says."""

    def __init__(self, tools: Tools = CPU) -> None:
        self.tools = tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        amount = frame.grade.sharpen
        sharper: Image = self.tools.sharpen(image, amount) if amount else image
        return sharper
