"""Which camera a scene's motion needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from animator.frame import Frame
from animator.imaging.geometry import SPATIAL, spatial
from animator.render import control as controlling
from animator.render.loop import Camera
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.moves import orbits

if TYPE_CHECKING:
    from animator.imaging.backend import Tools
    from animator.imaging.depth import Source


def camera_of(scene: Scene, frames: Sequence[Frame], tools: Tools | None = None) -> Camera:
    """The camera a scene's motion needs: flat, in space before a flat picture, or before one with depth.

    It is the same for every part of a film, so that a film that goes on is the same film. It moves pictures with
    `tools`: the CPU's, unless others are given.
    """
    from animator.imaging.backend import CPU
    from animator.imaging.cameras import Camera2D, DepthCamera, PlaneCamera

    motion, warp = scene.settings.motion, (tools or CPU).warp
    if motion.depth != "flat":
        return DepthCamera(scene.lens, _depth(scene), motion.border)
    if in_space(scene, frames):
        return PlaneCamera(scene.lens, motion.border, warp)
    return Camera2D(*scene.size, motion.border, warp)


def in_space(scene: Scene, frames: Sequence[Frame]) -> bool:
    """Whether the motion of a film, or of these frames of it, needs a camera in space."""
    motion = scene.settings.motion
    written = any(getattr(motion, name) for name in SPATIAL) or orbits(motion.moves)
    return bool(written) or any(spatial(frame.motion) for frame in frames)


def _depth(scene: Scene) -> Source:
    """Where the depth of paintings comes from. Raises ModelError."""
    from animator.imaging.depth import Estimated, Pictured, Proxy

    motion = scene.settings.motion
    if motion.depth == "proxy":
        return Proxy(scene.lens, motion.depth_scale)
    if motion.depth == "model":
        return Estimated(controlling.estimator(scene), scene.lens, motion.depth_scale)
    # One picture is of a shot's first frame: what the camera has seen of it since moves with the film.
    film = timeline(scene) if len(scene.depth_files) == 1 else []
    poses, cuts = [frame.motion for frame in film], {frame.shot for frame in film}
    if scene.settings.video.loop == "closed" and film:  # after the last frame the first one comes again
        poses, cuts = [*poses, film[0].motion], {*cuts, len(film)}
    return Pictured(scene.depth_files, scene.lens, motion.depth_scale, poses, cuts)
