"""Upscale a scene's finished frames for its video, and interpolate more frames between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from animator.frame import Frame, Image
from animator.render.loop import Paint
from animator.render.shards import begins
from animator.scene.scene import Scene
from animator.scene.size import Pixels
from animator.scene.upscale import FILE, WAYS

if TYPE_CHECKING:
    from animator.runs.recorder import Between
    from animator.runs.run import Run

Enlarge = Callable[[Frame, Image, Paint], Image]  # a frame, its finished image, the film's painter


def size(scene: Scene) -> Pixels:
    """Return the width and height of the video in pixels; both even, as h264's yuv420p needs."""
    upscale = scene.settings.output.upscale
    if upscale is None:
        return scene.size
    width, height = (2 * round(side * upscale.factor / 2) for side in scene.size)
    return Pixels(width, height)


class Larger:
    """Upscaled frames of a run, in the size of its video: each is made once and saved in the run's folder."""

    def __init__(self, scene: Scene, run: Run) -> None:
        """Load the upscaling network, if the scene names one. Raises ModelError."""
        from animator.runs.upscaled import Upscaled

        self.enlarge = enlarger(scene)
        self.kept = None if self.enlarge is None else Upscaled(run.folder)

    def lacking(self, frames: Sequence[Frame]) -> list[Frame]:
        """Return those of `frames` that are not upscaled yet; empty if the scene does not upscale."""
        return [] if self.kept is None else [frame for frame in frames if frame.index not in self.kept]

    def complete(self, run: Run, frames: Sequence[Frame], paint: Paint) -> None:
        """Upscale and save those of `frames`, all of them saved in `run`, that are not upscaled yet."""
        for frame in self.lacking(frames):
            assert self.kept is not None
            self.kept.save(frame.index, self.made(frame, run.picture(frame.index), paint))

    def __call__(self, frame: Frame, picture: Image, paint: Paint) -> Image | None:
        """Return the upscaled image of `frame`, made from `picture` unless saved; None without upscaling."""
        if self.kept is None:
            return None
        there = frame.index in self.kept
        return self.kept.picture(frame.index) if there else self.made(frame, picture, paint)

    def made(self, frame: Frame, picture: Image, paint: Paint) -> Image:
        """Upscale `picture`, the finished image of `frame`; `paint` is the film's painter, for a second pass."""
        assert self.enlarge is not None
        return self.enlarge(frame, picture, paint)


def shown(scene: Scene, run: Run) -> Callable[[int], Image]:
    """Return the function that reads the video's image of a frame by its number.

    It reads upscaled images if the run has all of them, and the frames themselves otherwise.
    """
    from animator.runs.upscaled import Upscaled

    if scene.settings.output.upscale is None:
        return run.picture
    kept = Upscaled(run.folder)
    return kept.picture if all(index in kept for index in range(run.first, run.stop)) else run.picture


def enlarger(scene: Scene) -> Enlarge | None:
    """Return the function that enlarges finished images to the video's size; None without upscaling.

    Raises ModelError if the upscaling network cannot be loaded.
    """
    from animator.imaging.enlarge import resized, tiled

    upscale, target = scene.settings.output.upscale, size(scene)
    if upscale is None:
        return None
    if upscale.by == "second-pass":
        return lambda frame, picture, paint: _second_pass(scene, frame, resized(picture, *target), paint)
    if upscale.by in WAYS:
        return lambda _, picture, __: resized(picture, *target)
    from animator.diffusion import builds

    builds.check()
    from animator.diffusion.auxiliary import Enlarger

    network = Enlarger(scene.file(FILE, upscale.by), scene.settings.model.device)
    return lambda _, picture, __: resized(tiled(picture, network, network.scale, upscale.tile), *target)


def paints(scene: Scene) -> bool:
    """Return True if the film's painter upscales frames, in a second pass."""
    return scene.settings.output.upscale is not None and scene.settings.output.upscale.by == "second-pass"


def largest(scene: Scene) -> int:
    """Return the number of pixels of an image in the painter's second pass; 0 without one."""
    width, height = size(scene)
    return width * height if paints(scene) else 0


def _second_pass(scene: Scene, frame: Frame, picture: Image, paint: Paint) -> Image:
    """Return the enlarged `picture` painted over again, with one seed for all frames: fresh noise would flicker."""
    painting = replace(frame.painting, strength=frame.upscale.strength, mask="", hires=0.0)
    return paint(replace(frame, seed=scene.settings.painting.seed.start, painting=painting), picture)


def between(scene: Scene, frames: Sequence[Frame]) -> Between | None:
    """Return the function that interpolates between the images of `frames`, a film or a part; None if it need not."""
    from animator.imaging.flow import betweens
    from animator.render.interpolate import Interpolated

    times, loop = scene.settings.output.interpolate, scene.settings.video.loop
    if times == 1:
        return None
    whole = (frames[0].index, frames[-1].index + 1) == (0, scene.frames)
    closes = loop == "boomerang" or (loop == "closed" and whole)
    starts = {frame.index for frame in frames if begins(frame)}
    interpolated = Interpolated(times, betweens, closes)
    return lambda film: interpolated((picture, index in starts) for index, picture in film)
