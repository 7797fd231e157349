"""Guidance of a film towards images ahead of it: views, and in a closed loop its own first painted frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from animator.errors import SceneError, SettingPath
from animator.frame import Frame, Image, Matrix, State, ViewTarget
from animator.imaging.filters import crossfade
from animator.imaging.masks import paste
from animator.render.loop import Camera, ShotParts
from animator.render.painter import SkipPainting, StartFrom
from animator.scene.scene import Scene
from animator.timeline.compile import scene_clock, timeline


class ViewGuide:
    """A stage that blends the image that is painted over with the target ahead, where the target is visible.

    The target is rendered as the camera sees it from the current frame. It is the view on that frame, or the first
    painted frame if no view stands there.
    """

    def __init__(
        self, views: Mapping[int, Image], back: Mapping[int, Matrix], camera: Camera, border: str
    ) -> None:
        """`back`: for every guided frame, by number, the matrix from its target's camera to its own."""
        # Separate cameras: a depth camera caches the last painted frames only.
        self.camera, self.mask_camera = camera.with_border(border), camera.with_border("black")
        self.views, self.target_matrices = views, back
        self._target_frame, self._state = -1, State()

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        ahead = frame.ahead
        coming = self.views.get(ahead.frame, state.first) if ahead.weight else None
        if coming is None:
            return image
        if self._target_frame != ahead.frame:
            self._target_frame = ahead.frame
            self._state = self.camera.after_painting(coming, Frame(ahead.frame, 0), State())
        way = self.target_matrices[frame.index]
        seen = self.camera.render_view(self._state, way)
        there = self.mask_camera.warp_like(np.full_like(image, 255), self._state, way)[..., 0]
        return paste(image, crossfade(image, seen, ahead.weight), there)


class LoopClose:
    """A stage that shows the first painted frame again on the frame after a closed loop's last one."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, image: Image, frame: Frame, state: State) -> Image:
        return image if frame.index != self.index or state.first is None else state.first


def view_images(scene: Scene) -> dict[int, Image]:
    """Return the images of the scene's views by frame number, in the film's size. Raises SceneError."""
    if not scene.settings.views:
        return {}
    times = scene_clock(scene)
    return {
        times.frame(time): read_scene_image(scene, ("views", time), name)
        for time, name in scene.settings.views.items()
    }


def loop_end_frame(scene: Scene, frames: Sequence[Frame]) -> Frame | None:
    """Return the first frame, renumbered to follow `frames`, if they end a closed loop of one shot; else None."""
    if scene.settings.video.loop != "closed" or frames[-1].index + 1 != scene.frames or frames[0].shot:
        return None
    first = timeline(scene)[0]
    return replace(first, index=scene.frames, diffuse=True, tween=1.0, ahead=ViewTarget())


def view_guide(
    scene: Scene, frames: Sequence[Frame], camera: Camera, images: Mapping[int, Image]
) -> ViewGuide:
    """Return the stage that guides `frames`, a shot or the rest of one, towards the next view or the loop's end.

    `images` are the images of the views by frame number.
    """
    led = [frame for frame in frames if frame.ahead.weight]
    film = timeline(scene) if led else []
    # The view may lie after the end of `frames`; after the end of a loop comes its beginning.
    motions = {len(film): frame.motion for frame in film[:1]}
    motions |= {frame.index: frame.motion for frame in [*film, *frames]}
    back: dict[int, Matrix] = {}
    for frame in led:
        way = camera.identity
        for index in range(frame.index + 1, frame.ahead.frame + 1):
            way = camera.matrix(motions[index]) @ way
        back[frame.index] = np.asarray(np.linalg.inv(way), np.float64)
    return ViewGuide(images, back, camera, scene.settings.motion.border)


def add_views(
    parts: ShotParts, scene: Scene, frames: Sequence[Frame], camera: Camera, images: Mapping[int, Image]
) -> ShotParts:
    """Return `parts` guided towards the views in `images`, by frame number, and towards the end of a closed loop.

    A shot starts from the view on its first frame. Guiding works on whole images, and so comes before every other
    stage. The repetition of the first frame that closes a loop is not painted.
    """
    started = StartFrom(parts.painter, lambda frame: images.get(frame.index))
    painter = SkipPainting(started, lambda frame, start: start if frame.index == scene.frames else None)
    guide = view_guide(scene, frames, camera, images)
    return replace(
        parts,
        painter=painter,
        before=[guide, *parts.before],
        after=[*parts.after, LoopClose(scene.frames)],
    )


def read_scene_image(scene: Scene, path: SettingPath, name: str) -> Image:
    """Return the image file `name`, named by the setting at `path`, in the film's size. Raises SceneError.

    The image is scaled to cover the size and cropped in the middle: RGB uint8 (height, width, 3).
    """
    from animator.imaging.io import read_image

    try:
        return read_image(scene.file(path, name), *scene.size)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be read as an image: {error}")]) from error


def read_start_image(scene: Scene) -> Image | None:
    """Return the scene's start image in the film's size, or None. Raises SceneError."""
    image = scene.settings.start.image
    return None if image is None else read_scene_image(scene, ("start", "image"), image)
