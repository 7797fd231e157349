"""Upscaling of finished frames for the video, by a second pass or a network, and frames interpolated between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from animator.frame import Frame, Image
from animator.models.painter import Painter
from animator.render.loop import starts_shot
from animator.scene.fields import Pixels
from animator.scene.scene import Scene
from animator.scene.settings_output import UPSCALE_METHODS, UPSCALE_SETTING

Enlarge = Callable[[Frame, Image, Painter], Image]  # a frame, its finished image, the film's painter


def output_size(scene: Scene) -> Pixels:
    """Return the width and height of the video in pixels; both even, as h264's yuv420p needs."""
    upscale = scene.settings.output.upscale
    if upscale is None:
        return scene.size
    width, height = (2 * round(side * upscale.factor / 2) for side in scene.size)
    return Pixels(width, height)


def frame_enlarger(scene: Scene) -> Enlarge | None:
    """Return the function that enlarges finished images to the video's size; None without upscaling.

    Raises ModelError if the upscaling network cannot be loaded.
    """
    from animator.imaging.resize import resize, upscale_tiled

    upscale, target = scene.settings.output.upscale, output_size(scene)
    if upscale is None:
        return None
    if upscale.by == "second-pass":
        return lambda frame, image, painter: _second_pass(scene, frame, resize(image, *target), painter)
    if upscale.by in UPSCALE_METHODS:
        return lambda _, image, __: resize(image, *target)
    from animator.diffusion import loading

    loading.require_matching_torchvision()
    from animator.diffusion.helper_networks import UpscaleNetwork

    network = UpscaleNetwork(scene.file(UPSCALE_SETTING, upscale.by), scene.settings.model.device)
    return lambda _, image, __: resize(upscale_tiled(image, network, network.scale, upscale.tile), *target)


def uses_second_pass(scene: Scene) -> bool:
    """Return True if the film's painter upscales frames, in a second pass."""
    return scene.settings.output.upscale is not None and scene.settings.output.upscale.by == "second-pass"


def second_pass_pixels(scene: Scene) -> int:
    """Return the number of pixels of an image in the painter's second pass; 0 without one."""
    width, height = output_size(scene)
    return width * height if uses_second_pass(scene) else 0


def _second_pass(scene: Scene, frame: Frame, image: Image, painter: Painter) -> Image:
    """Return the enlarged `image` painted over again, with one seed for all frames: fresh noise would flicker."""
    painting = replace(frame.painting, strength=frame.upscale.strength, mask="", hires=0.0)
    again = replace(frame, seed=scene.settings.painting.seed.start, painting=painting)
    return painter.paint(again, image)


def interpolator(scene: Scene, frames: Sequence[Frame]) -> Interpolator | None:
    """Return the function that interpolates between the images of `frames`, a film or a part; None if it need not."""
    from animator.imaging.flow import interpolate_many

    times, loop = scene.settings.output.interpolate, scene.settings.video.loop
    if times == 1:
        return None
    whole = (frames[0].index, frames[-1].index + 1) == (0, scene.frames)
    closes = loop == "boomerang" or (loop == "closed" and whole)
    starts = {frame.index for frame in frames if starts_shot(frame)}
    interpolated = FrameInterpolator(times, interpolate_many, closes)
    return lambda film: interpolated((image, index in starts) for index, image in film)


InterpolateMany = Callable[
    [Image, Image, Sequence[float]], Iterable[Image]
]  # old, new, weights of the new one


class FrameInterpolator:
    """Multiplies the frame rate of a film by `times`; `betweens` makes the images between two frames.

    Nothing is interpolated across a cut: the image before it is repeated, and so is the last one, unless the film
    `closes`, which interpolates from the last image to the first. A film of n frames gives n * times images.
    """

    def __init__(self, times: int, betweens: InterpolateMany, closes: bool) -> None:
        self.betweens, self.closes, self.times = betweens, closes, times
        self.weights = [step / times for step in range(1, times)]

    def __call__(self, film: Iterable[tuple[Image, bool]]) -> Iterator[Image]:
        """Yield the images of `film` and those between; each item of it is an image and a flag for a cut before it."""
        first: Image | None = None
        last: Image | None = None
        for image, cut in film:
            if last is not None:
                yield from self._after(last, None if cut else image)
            first = image if first is None else first
            yield image
            last = image
        if last is not None:
            yield from self._after(last, first if self.closes else None)

    def _after(self, image: Image, following: Image | None) -> Iterable[Image]:
        if following is None or (following is image) or (following == image).all():
            return [image] * len(self.weights)
        return self.betweens(image, following, self.weights)


Interpolator = Callable[
    [Iterable[tuple[int, Image]]], Iterable[Image]
]  # (frame, image) pairs → the video's images
