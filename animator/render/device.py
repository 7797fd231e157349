"""Where a film's pictures are between paintings: on the host, or on the GPU that paints them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from animator.frame import Frame, Image, State
from animator.render import masking
from animator.render.loop import Paint
from animator.scene.scene import Scene
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.imaging.backend import Tools

logger = logging.getLogger(__name__)

Film = Iterator[tuple[Frame, State]]


@runtime_checkable
class Keeping(Protocol):
    """A painter that can leave its pictures where it paints them."""

    home: str  # torch's name of the device where they stay; "" where they had better come to the host

    def kept(self, frame: Frame, start: Any) -> Any:
        """Paint `frame` over `start`, a picture there or on the host; see diffusion/resident/picture.py."""


class Place(Protocol):
    """Where the pictures of a film are while it is painted."""

    @property
    def tools(self) -> Tools: ...

    def painter(self, paint: Any) -> Paint:
        """What paints there."""

    def known(self, pictures: Mapping[int, Image]) -> Mapping[int, Image]:
        """Paintings that are there already, by frame."""

    def state(self, state: State) -> State:
        """A state with its pictures there."""

    def watch(self, film: Film) -> Film:
        """`film`, whose finished pictures are on their way to the host, if they are not there."""


class Host:
    """The place for every film: pictures are arrays, and the CPU works on them."""

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
    """Where the pictures of `frames`, a film or a part of one, are to be while `paint` paints them."""
    home = _home(scene, paint)
    if not home:
        return Host()
    from animator.diffusion.gpu.backend import Device

    return Device(home, frames)


def _home(scene: Scene, paint: Paint) -> str:
    """The same for every part of a film, so that a film that goes on is the same film."""
    return paint.home if isinstance(paint, Keeping) and not hindrance(scene) else ""


def tell(scene: Scene, paint: Paint) -> None:
    """Say where pictures will be, if there is a choice."""
    if isinstance(paint, Keeping) and paint.home:
        why = hindrance(scene)
        on_host = f"pictures are moved and graded by the CPU, because of {why}"
        logger.info("%s", on_host if why else f"pictures stay on {paint.home}")


def hindrance(scene: Scene) -> str:
    """The first of a film's settings that is done by the CPU alone; "" where a GPU has all it needs."""
    settings, film = scene.settings, timeline(scene)
    tweens = any(frame.tween and not frame.diffuse for frame in film)
    asked = {
        "motion.depth": settings.motion.depth != "flat",
        "masks": masking.used(film),
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
    """`film` with every picture as an array: waits for those that are still on their way."""
    with closing(film):  # type: ignore[type-var]
        for frame, state in film:
            yield frame, state.brought(np.asarray)
