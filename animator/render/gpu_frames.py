"""The device that holds frames between painting passes: the GPU where every stage supports it, otherwise the CPU."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

import numpy as np

from animator.frame import Frame, Image, State
from animator.models.painter import Painter
from animator.render import masks
from animator.scene.scene import Scene
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.imaging.backend import ImageBackend


logger = logging.getLogger(__name__)


FrameStream = Iterator[tuple[Frame, State]]


class ImagePlace(Protocol):
    """Interface of the memory that holds a film's images while it is painted: the CPU's or a GPU's."""

    @property
    def backend(self) -> ImageBackend:
        """Image operations for images in this memory."""

    def wrap_painter(self, painter: Painter) -> Painter:
        """Return `painter` with its images left in this memory."""

    def wrap_saved(self, images: Mapping[int, Image]) -> Mapping[int, Image]:
        """Return saved painted frames, by frame number, as images in this memory."""

    def move_state(self, state: State) -> State:
        """Return `state` with its images in this memory."""

    def start_copies(self, film: FrameStream) -> FrameStream:
        """Yield the items of `film`, and start copying each finished image to the host if it is not there."""


class CpuPlace:
    """CPU memory: images are NumPy arrays, and every film can be painted with them."""

    @property
    def backend(self) -> ImageBackend:
        from animator.imaging.backend import CPU_BACKEND

        return CPU_BACKEND

    def wrap_painter(self, painter: Painter) -> Painter:
        return painter

    def wrap_saved(self, images: Mapping[int, Image]) -> Mapping[int, Image]:
        return images

    def move_state(self, state: State) -> State:
        return state

    def start_copies(self, film: FrameStream) -> FrameStream:
        return film


def choose_place(scene: Scene, frames: Sequence[Frame], painter: Painter) -> ImagePlace:
    """Return the memory that holds the images of `frames`, a film or a part of one, while `painter` paints them."""
    home = _home_device(scene, painter)
    if not home:
        return CpuPlace()
    from animator.diffusion.gpu.backend import GpuPlace

    return GpuPlace(home, frames)


def _home_device(scene: Scene, painter: Painter) -> str:
    """Return torch's name of the device on which images stay, or "" for the CPU.

    The choice is the same for every part of a film, so that a resumed film equals one rendered in one go.
    """
    stays = "device" in painter.capabilities and not cpu_only_reason(scene)
    return painter.device_name if stays else ""


def log_placement(scene: Scene, painter: Painter) -> None:
    """Log whether frames stay on the GPU, if `painter` could keep them there."""
    if "device" in painter.capabilities and painter.device_name:
        why = cpu_only_reason(scene)
        on_host = f"frames are warped and graded on the CPU, because of {why}"
        logger.info("%s", on_host if why else f"frames stay on {painter.device_name}")


def cpu_only_reason(scene: Scene) -> str:
    """Return the first setting of the scene that only the CPU supports, or "" if frames can stay on the GPU."""
    settings, film = scene.settings, timeline(scene)
    tweens = any(frame.tween and not frame.diffuse for frame in film)
    asked = {
        "motion.depth": settings.motion.depth != "flat",
        "masks": masks.uses_masks(film),
        "stages": bool(settings.stages),
        "footage": settings.footage.file is not None,
        "control": bool(settings.control),
        "model.refiner": settings.model.refiner is not None,
        "views": bool(settings.views),
        "video.loop: closed": settings.video.loop == "closed",
        "tween: flow": tweens and settings.tween == "flow",
        "output.upscale": settings.output.upscale is not None,
    }
    return next((name for name, used in asked.items() if used), "")


def to_host(film: FrameStream) -> FrameStream:
    """Yield the items of `film` with every image as a NumPy array; waits for copies that are still under way."""
    with closing(film):  # type: ignore[type-var]
        for frame, state in film:
            yield frame, state.brought(np.asarray)
