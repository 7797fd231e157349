"""Where a scene's film is led: to its views, and in a closed loop to the first frame come again."""

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
    """The pictures the film passes through, by frame, in the film's size. Raises SceneError."""
    if not scene.settings.views:
        return {}
    times = clock(scene)
    return {times.frame(path[1]): picture(scene, path, name) for path, name in view_files(scene)}


def again(scene: Scene, frames: Sequence[Frame]) -> Frame | None:
    """The first frame come again after `frames`, where they end a closed loop; else none."""
    if scene.settings.video.loop != "closed" or frames[-1].index + 1 != scene.frames or frames[0].shot:
        return None
    first = timeline(scene)[0]
    return replace(first, index=scene.frames, diffuse=True, tween=1.0, ahead=Ahead())


def lead(scene: Scene, frames: Sequence[Frame], camera: Camera, pictures: Mapping[int, Image]) -> Lead:
    """The stage that leads `frames`, one shot or the rest of it, to what stands ahead."""
    from animator.render.views import Lead

    led = [frame for frame in frames if frame.ahead.weight]
    film = timeline(scene) if led else []
    # What comes may lie behind the end of `frames`; behind the end of a loop lies its beginning.
    motions = {len(film): frame.motion for frame in film[:1]}
    motions |= {frame.index: frame.motion for frame in [*film, *frames]}
    back: dict[int, Matrix] = {}
    for frame in led:
        way = camera.rest
        for index in range(frame.index + 1, frame.ahead.frame + 1):
            way = camera.matrix(motions[index]) @ way
        back[frame.index] = np.asarray(np.linalg.inv(way), np.float64)
    return Lead(pictures, back, camera, scene.settings.motion.border)
