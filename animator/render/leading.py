"""Guide painted frames towards upcoming views, and a closed loop towards its first frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from animator.frame import Ahead, Frame, Image, Matrix
from animator.render.grading import picture
from animator.scene.scene import Scene
from animator.scene.views import view_files
from animator.timeline.compile import clock, timeline

if TYPE_CHECKING:
    from animator.render.loop import Camera
    from animator.render.views import Lead


def views(scene: Scene) -> dict[int, Image]:
    """Return the images of the scene's views by frame number, in the film's size. Raises SceneError."""
    if not scene.settings.views:
        return {}
    times = clock(scene)
    return {times.frame(path[1]): picture(scene, path, name) for path, name in view_files(scene)}


def again(scene: Scene, frames: Sequence[Frame]) -> Frame | None:
    """Return the first frame, renumbered to follow `frames`, if they end a closed loop of one shot; else None."""
    if scene.settings.video.loop != "closed" or frames[-1].index + 1 != scene.frames or frames[0].shot:
        return None
    first = timeline(scene)[0]
    return replace(first, index=scene.frames, diffuse=True, tween=1.0, ahead=Ahead())


def lead(scene: Scene, frames: Sequence[Frame], camera: Camera, pictures: Mapping[int, Image]) -> Lead:
    """Return the stage that guides `frames`, a shot or the rest of one, towards the next view or the loop's end.

    `pictures` are the images of the views by frame number.
    """
    from animator.render.views import Lead

    led = [frame for frame in frames if frame.ahead.weight]
    film = timeline(scene) if led else []
    # The view may lie after the end of `frames`; after the end of a loop comes its beginning.
    motions = {len(film): frame.motion for frame in film[:1]}
    motions |= {frame.index: frame.motion for frame in [*film, *frames]}
    back: dict[int, Matrix] = {}
    for frame in led:
        way = camera.rest
        for index in range(frame.index + 1, frame.ahead.frame + 1):
            way = camera.matrix(motions[index]) @ way
        back[frame.index] = np.asarray(np.linalg.inv(way), np.float64)
    return Lead(pictures, back, camera, scene.settings.motion.border)
