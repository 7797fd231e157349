"""Which camera a scene needs.

Choose the camera that a scene's motion needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from animator.frame import Frame
from animator.imaging.geometry import SPATIAL, spatial
from animator.render.loop import Camera
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.motion import orbits

if TYPE_CHECKING:
    from animator.imaging.backend import Tools
    from animator.imaging.depth import Source


def camera_of(scene: Scene, frames: Sequence[Frame], tools: Tools | None = None) -> Camera:
    """Return the camera that a scene's motion needs: 2D, 3D before a flat image, or 3D before an image with depth.

    The choice is the same for every part of a film, so that a resumed film equals one rendered in one go. The
    camera warps images with `tools`, by default those of the CPU. Raises ModelError if a depth model cannot be
    loaded.
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
    """Return True if the scene's motion settings, or the motion of `frames`, need a 3D camera."""
    motion = scene.settings.motion
    written = any(getattr(motion, name) for name in SPATIAL) or orbits(motion.moves)
    return bool(written) or any(spatial(frame.motion) for frame in frames)


def _depth(scene: Scene) -> Source:
    """Return the source of the painted frames' depth. Raises ModelError."""
    from animator.imaging.depth import Estimated, Pictured, Proxy

    motion = scene.settings.motion
    if motion.depth == "proxy":
        return Proxy(scene.lens, motion.depth_scale)
    if motion.depth == "model":
        return Estimated(estimator(scene), scene.lens, motion.depth_scale)
    # A single depth map belongs to a shot's first frame and is reprojected along the motion since then.
    film = timeline(scene) if len(scene.depth_files) == 1 else []
    poses, cuts = [frame.motion for frame in film], {frame.shot for frame in film}
    if scene.settings.video.loop == "closed" and film:  # the first frame is repeated after the last one
        poses, cuts = [*poses, film[0].motion], {*cuts, len(film)}
    return Pictured(scene.depth_files, scene.lens, motion.depth_scale, poses, cuts)


def estimator(scene: Scene) -> Any:
    """Return the depth model that the scene names, loaded. Raises ModelError."""
    from animator.diffusion import loading

    loading.check()
    from animator.diffusion.auxiliary import Estimator

    motion = scene.settings.motion
    place = scene.file(("motion", "depth_model"), motion.depth_model)
    return Estimator(str(place) if place.exists() else motion.depth_model, scene.settings.model.device)
