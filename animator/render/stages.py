"""Before and after steps of a painting: picture, frame, state → picture."""

from __future__ import annotations

from animator.frame import Frame, Image, State
from animator.pixels import color, noise
from animator.pixels.sharpen import sharpen


class MatchColor:
    """Bring a picture's colours to those of the reference, the film's first painting."""

    def __init__(self, space: str) -> None:
        self.space = space
        self._reference: Image | None = None
        self._goal: color.Palette | None = None

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:  # noqa: ARG002 (a stage's shape)
        if state.reference is None:
            return image
        if self._goal is None or self._reference is not state.reference:
            # The reference stays the same for the whole film: measure it once.
            self._reference, self._goal = state.reference, color.palette(state.reference, self.space)
        return color.match(image, self._goal, self.space)


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
