"""Grading stages around a painting pass: colour matching, palette, noise, contrast, sharpening.

A stage takes an image, its frame and the state, and returns an image. `tools` are the image operations of the device
that holds the images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from animator.frame import Frame, Image, State
from animator.imaging.backend import CPU, Tools
from animator.imaging.palette import Pull

Goal = Callable[[Image, State], Any]  # colour statistics that an image is matched to; None: leave its colours


class First:
    """Colour reference: the first painted frame, or the last anchor."""

    def __init__(self, space: str, tools: Tools = CPU) -> None:
        self.space, self.tools = space, tools
        self._last: tuple[Image | None, Any] = (None, None)

    def __call__(self, image: Image, state: State) -> Any:  # noqa: ARG002 (a goal's signature)
        reference, colors = self._last
        if reference is not state.reference:
            # The reference stays the same for a whole shot: measure it once.
            colors = None if state.reference is None else self.tools.measure(state.reference, self.space)
            self._last = state.reference, colors  # one assignment, since threads may share this object
        return colors


class Fixed:
    """Colour reference: one image for the whole film."""

    def __init__(self, picture: Image, space: str, tools: Tools = CPU) -> None:
        self._colors = tools.measure(tools.picture(picture), space)

    def __call__(self, image: Image, state: State) -> Any:  # noqa: ARG002 (a goal's signature)
        return self._colors


class Rolling:
    """Colour reference: an exponential moving average over painted frames, which smooths flicker.

    Each new frame has the weight 1/`memory`. The last painted frame already has the colours of the average before
    it, so that no other state is needed.
    """

    def __init__(self, space: str, memory: float, tools: Tools = CPU) -> None:
        self.space, self.memory, self.tools = space, memory, tools

    def __call__(self, image: Image, state: State) -> Any:
        if state.painting is None:
            return None
        last, now = (self.tools.measure(picture, self.space) for picture in (state.painting, image))
        return self.tools.mix(last, now, 1 / self.memory)


class MatchColor:
    """A stage that matches an image's colours to a reference, by `grade.color_amount`."""

    def __init__(self, goal: Goal, space: str, by: str, tools: Tools = CPU) -> None:
        self.goal, self.space, self.by, self.tools = goal, space, by, tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        goal = self.goal(image, state) if frame.grade.color_amount else None
        if goal is None:
            return image
        matched: Image = self.tools.match(image, goal, self.space, self.by, frame.grade.color_amount)
        return matched


class UnlessAnchor:
    """A stage that skips anchors: frames that become the colour reference once they are painted."""

    def __init__(self, stage: Callable[[Image, Frame, State], Image]) -> None:
        self.stage = stage

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.anchor else self.stage(image, frame, state)


class PullToPalette:
    """A stage that pulls a painted frame towards a palette, by `grade.palette_amount`."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        amount = frame.grade.palette_amount
        return self.pull(image, amount) if amount else image


class AddNoise:
    """A stage that adds noise from the frame's seed, by `grade.noise`, of which the model makes detail."""

    def __init__(self, clouds: bool = False, tools: Tools = CPU) -> None:
        self.clouds, self.tools = clouds, tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        if not frame.grade.noise:
            return image
        noisy: Image = self.tools.add_noise(image, frame.grade.noise, frame.seed, self.clouds)
        return noisy


class Contrast:
    """A stage that changes contrast by the ratio `grade.contrast`."""

    def __init__(self, tools: Tools = CPU) -> None:
        self.tools = tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        ratio = frame.grade.contrast
        changed: Image = image if ratio == 1.0 else self.tools.contrast(image, ratio)
        return changed


class Sharpen:
    """A stage that sharpens by `grade.sharpen`."""

    def __init__(self, tools: Tools = CPU) -> None:
        self.tools = tools

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's signature)
        amount = frame.grade.sharpen
        sharper: Image = self.tools.sharpen(image, amount) if amount else image
        return sharper
