"""What becomes of a scene's finished pictures on their way to the video: larger ones, and more of them."""

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

Enlarge = Callable[[Frame, Image, Paint], Image]  # a frame, its finished picture, the film's painter


def size(scene: Scene) -> Pixels:
    """Width and height of the video in pixels; both even, as h264's yuv420p needs."""
    upscale = scene.settings.output.upscale
    if upscale is None:
        return scene.size
    width, height = (2 * round(side * upscale.factor / 2) for side in scene.size)
    return Pixels(width, height)


class Larger:
    """The pictures of a run as large as its video: each is made once, and kept in the run's folder."""

    def __init__(self, scene: Scene, run: Run) -> None:
        """Raises ModelError where the network that makes them cannot be loaded."""
        from animator.runs.upscaled import Upscaled

        self.enlarge = enlarger(scene)
        self.kept = None if self.enlarge is None else Upscaled(run.folder)

    def lacking(self, frames: Sequence[Frame]) -> list[Frame]:
        """Those of `frames` whose larger picture is still to be made."""
        return [] if self.kept is None else [frame for frame in frames if frame.index not in self.kept]

    def complete(self, run: Run, frames: Sequence[Frame], paint: Paint) -> None:
        """Make the larger pictures that `frames`, which `run` holds, still lack."""
        for frame in self.lacking(frames):
            assert self.kept is not None
            self.kept.save(frame.index, self.made(frame, run.picture(frame.index), paint))

    def __call__(self, frame: Frame, picture: Image, paint: Paint) -> Image | None:
        """The larger picture of `frame`; None where the video shows the picture itself."""
        if self.kept is None:
            return None
        there = frame.index in self.kept
        return self.kept.picture(frame.index) if there else self.made(frame, picture, paint)

    def made(self, frame: Frame, picture: Image, paint: Paint) -> Image:
        """`picture` of `frame` made larger; `paint` is the film's painter, for a second pass."""
        assert self.enlarge is not None
        return self.enlarge(frame, picture, paint)


def shown(scene: Scene, run: Run) -> Callable[[int], Image]:
    """What the video shows of a frame, by its index: its larger picture; its own, unless all larger ones are there."""
    from animator.runs.upscaled import Upscaled

    if scene.settings.output.upscale is None:
        return run.picture
    kept = Upscaled(run.folder)
    return kept.picture if all(index in kept for index in range(run.first, run.stop)) else run.picture


def enlarger(scene: Scene) -> Enlarge | None:
    """What makes a finished picture as large as the video; None where it is so. Raises ModelError."""
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
    """Whether pictures are made larger by the film's painter."""
    return scene.settings.output.upscale is not None and scene.settings.output.upscale.by == "second-pass"


def largest(scene: Scene) -> int:
    """Pixels of the pictures that the film's painter makes larger; 0: it does not."""
    width, height = size(scene)
    return width * height if paints(scene) else 0


def _second_pass(scene: Scene, frame: Frame, picture: Image, paint: Paint) -> Image:
    """`picture` painted over once more, always from the same noise: fresh noise in every frame would flicker."""
    painting = replace(frame.painting, strength=frame.upscale.strength, mask="", hires=0.0)
    return paint(replace(frame, seed=scene.settings.painting.seed.start, painting=painting), picture)


def between(scene: Scene, frames: Sequence[Frame]) -> Between | None:
    """What makes more pictures of those of `frames`, a film or a part of one; None where there are to be no more."""
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
