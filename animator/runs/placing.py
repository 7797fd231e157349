"""Masks of a finished film, recomputed without painting."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from animator.frame import Frame, Image, Mask, State
from animator.render import leading, masking
from animator.render import parts_footage as footage
from animator.render.camera import camera_of
from animator.render.grading import start_picture
from animator.render.shards import shots
from animator.scene.scene import Scene

if TYPE_CHECKING:
    from animator.render.masks import Masks
    from animator.runs.run import Run


class Placed:
    """Mask of any finished frame, moved with the camera as it was when the film was painted.

    Masks are recomputed from the schedule and the images that shots began with. No model is needed, unless
    depth is estimated by one.
    """

    def __init__(self, run: Run, scene: Scene, frames: Sequence[Frame], opened: ExitStack) -> None:
        self.run, self.scene, self.opened = run, scene, opened
        self.frames = {frame.index: frame for frame in frames}
        self.shots = {shot[0].shot: shot for shot in shots(frames)}
        self._masks: dict[int, Masks] = {}  # by the frame their shot began with
        self._packed: dict[tuple[str, int], bytes] = {}

    def __call__(self, text: str, index: int) -> Mask:
        """Return the mask of the expression `text` in frame `index`, uint8 (height, width). Raises AnimatorError."""
        from animator.imaging.mask_film import pack, unpack

        if (text, index) not in self._packed:
            frame = self.frames[index]
            if frame.shot not in self._masks:
                self._masks[frame.shot] = self._of(self.shots[frame.shot])
            self._packed[text, index] = pack(self._masks[frame.shot](text, frame))
        return unpack(self._packed[text, index])

    def _of(self, shot: Sequence[Frame]) -> Masks:
        film = footage.played(self.scene)
        self.opened.callback(film.close)
        state = State()
        camera = footage.followed(self.scene, shot, state, camera_of(self.scene, shot), film)
        return masking.masks(self.scene, shot, camera, self._first(shot[0]))

    def _first(self, frame: Frame) -> Image:
        """Return the image that a shot began with, before it was painted over."""
        views = leading.views(self.scene)
        given = views.get(frame.shot)
        if given is None:
            given = start_picture(self.scene)
        return self.run.picture(frame.index) if given is None else given
