"""Choice of the camera that a scene's motion needs: 2D, 3D, or 3D with depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from animator.frame import Frame
from animator.imaging.geometry import FIELDS_3D, is_3d
from animator.render.loop import Camera
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.motion import has_orbit

if TYPE_CHECKING:
    from animator.imaging.backend import ImageBackend
    from animator.imaging.depth import DepthSource


def make_camera(scene: Scene, frames: Sequence[Frame], tools: ImageBackend | None = None) -> Camera:
    """Return the camera that a scene's motion needs: 2D, 3D before a flat image, or 3D before an image with depth.

    The choice is the same for every part of a film, so that a resumed film equals one rendered in one go. The
    camera warps images with `tools`, by default those of the CPU. Raises ModelError if a depth model cannot be
    loaded.
    """
    from animator.imaging.backend import CPU_BACKEND
    from animator.imaging.cameras import Camera2D, HomographyCamera

    motion, warp = scene.settings.motion, (tools or CPU_BACKEND).warp
    if motion.depth != "flat":
        from animator.imaging.depth import DepthCamera

        return DepthCamera(scene.lens, _depth_source(scene), motion.border)
    if needs_3d(scene, frames):
        return HomographyCamera(scene.lens, motion.border, warp)
    return Camera2D(*scene.size, motion.border, warp)


def needs_3d(scene: Scene, frames: Sequence[Frame]) -> bool:
    """Return True if the scene's motion settings, or the motion of `frames`, need a 3D camera."""
    motion = scene.settings.motion
    written = any(getattr(motion, name) for name in FIELDS_3D) or has_orbit(motion.moves)
    return bool(written) or scene.constant_fov is None or any(is_3d(frame.motion) for frame in frames)


def _depth_source(scene: Scene) -> DepthSource:
    """Return the source of the painted frames' depth. Raises ModelError."""
    from animator.imaging.depth import DepthMaps, ModelDepth, ProxyDepth

    motion = scene.settings.motion
    if motion.depth == "proxy":
        return ProxyDepth(scene.lens, motion.depth_scale)
    if motion.depth == "model":
        return ModelDepth(load_depth_model(scene), scene.lens, motion.depth_scale)
    # A single depth map belongs to a shot's first frame and is reprojected along the motion since then.
    film = timeline(scene) if len(scene.depth_files) == 1 else []
    poses, cuts = [frame.motion for frame in film], {frame.shot for frame in film}
    if scene.settings.video.loop == "closed" and film:  # the first frame is repeated after the last one
        poses, cuts = [*poses, film[0].motion], {*cuts, len(film)}
    return DepthMaps(scene.depth_files, scene.lens, motion.depth_scale, poses, cuts)


def load_depth_model(scene: Scene) -> Any:
    """Return the depth model that the scene names, loaded. Raises ModelError."""
    from animator.diffusion import loading

    loading.require_matching_torchvision()
    from animator.diffusion.helper_networks import DepthEstimator

    motion = scene.settings.motion
    place = scene.file(("motion", "depth_model"), motion.depth_model)
    return DepthEstimator(str(place) if place.exists() else motion.depth_model, scene.settings.model.device)
