"""CPU or GPU residence.

Keep frames on the GPU between painting passes where every stage supports it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from animator.frame import Frame, Image, State
from animator.render import masks
from animator.render.loop import Paint
from animator.render.painter import Keeping
from animator.scene.scene import Scene
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.imaging.backend import Tools


logger = logging.getLogger(__name__)


Film = Iterator[tuple[Frame, State]]


class Place(Protocol):
    """Interface of the memory that holds a film's images while it is painted: the CPU's or a GPU's."""

    @property
    def tools(self) -> Tools:
        """Image operations for images in this memory."""

    def painter(self, paint: Any) -> Paint:
        """Return `paint` with its images left in this memory."""

    def known(self, pictures: Mapping[int, Image]) -> Mapping[int, Image]:
        """Return saved painted frames, by frame number, as images in this memory."""

    def state(self, state: State) -> State:
        """Return `state` with its images in this memory."""

    def watch(self, film: Film) -> Film:
        """Yield the items of `film`, and start copying each finished image to the host if it is not there."""


class Host:
    """CPU memory: images are NumPy arrays, and every film can be painted with them."""

    @property
    def tools(self) -> Tools:
        from animator.imaging.backend import CPU

        return CPU

    def painter(self, paint: Paint) -> Paint:
        return paint

    def known(self, pictures: Mapping[int, Image]) -> Mapping[int, Image]:
        return pictures

    def state(self, state: State) -> State:
        return state

    def watch(self, film: Film) -> Film:
        return film


def place(scene: Scene, frames: Sequence[Frame], paint: Paint) -> Place:
    """Return the memory that holds the images of `frames`, a film or a part of one, while `paint` paints them."""
    home = _home(scene, paint)
    if not home:
        return Host()
    from animator.diffusion.gpu.backend import Device

    return Device(home, frames)


def _home(scene: Scene, paint: Paint) -> str:
    """Return torch's name of the device on which images stay, or "" for the CPU.

    The choice is the same for every part of a film, so that a resumed film equals one rendered in one go.
    """
    return paint.home if isinstance(paint, Keeping) and not hindrance(scene) else ""


def tell(scene: Scene, paint: Paint) -> None:
    """Log whether frames stay on the GPU, if `paint` could keep them there."""
    if isinstance(paint, Keeping) and paint.home:
        why = hindrance(scene)
        on_host = f"frames are warped and graded on the CPU, because of {why}"
        logger.info("%s", on_host if why else f"frames stay on {paint.home}")


def hindrance(scene: Scene) -> str:
    """Return the first setting of the scene that only the CPU supports, or "" if frames can stay on the GPU."""
    settings, film = scene.settings, timeline(scene)
    tweens = any(frame.tween and not frame.diffuse for frame in film)
    asked = {
        "motion.depth": settings.motion.depth != "flat",
        "masks": masks.used(film),
        "footage": settings.footage.file is not None,
        "control": bool(settings.control),
        "model.refiner": settings.model.refiner is not None,
        "views": bool(settings.views),
        "video.loop: closed": settings.video.loop == "closed",
        "tween: flow": tweens and settings.tween == "flow",
        "output.upscale": settings.output.upscale is not None,
    }
    return next((name for name, used in asked.items() if used), "")


def fetched(film: Film) -> Film:
    """Yield the items of `film` with every image as a NumPy array; waits for copies that are still under way."""
    with closing(film):  # type: ignore[type-var]
        for frame, state in film:
            yield frame, state.brought(np.asarray)
