"""Build a scene's masks from their sources, and check their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import Problem, SceneError
from animator.frame import Frame, Image
from animator.scene.presets import is_file
from animator.scene.scene import Scene
from animator.scene.settings_images import WITHIN, Mask, mask_files
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.render.loop import Camera, Paint
    from animator.render.masks import Masks, Source

MOST_DETAIL = 4  # times the pixels a model was trained on: the largest size of a part in the detail pass


def problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of existing mask files: unreadable, without transparency, or a video that is too short."""
    for path, name in mask_files(scene):
        file, mask = scene.file(path, name), scene.settings.masks[path[1]]
        try:
            if is_file(file):
                _check(file, mask, scene)
        except (OSError, ValueError) as error:
            kind = "a video" if mask.source == "video" else "an image"
            yield scene.problem(path, f"cannot be used as {kind}: {error}")


def _check(file: Path, mask: Mask, scene: Scene) -> None:
    """Read the header of a mask's file. Raises OSError, ValueError."""
    if mask.source != "video":
        from animator.imaging.masks import check

        return check(file, mask.source == "alpha")
    from animator.imaging.io import length

    frames = round(length(file) * scene.settings.video.fps)
    if frames < scene.frames and mask.after is None:
        film = f"it has {frames} frames, the film has {scene.frames}"
        raise ValueError(f"{film}; add 'after: hold' or 'after: loop' for the rest")
    return None


def used(frames: Sequence[Frame]) -> bool:
    """Return True if a mask bounds the painting, grading, lock, footage or detail pass of any frame."""
    return any(_texts(frame) for frame in frames)


def _texts(frame: Frame) -> str:
    """Return the mask expressions of `frame`, joined; "" if it uses no mask."""
    parts = (frame.painting, frame.grade, frame.lock, frame.footage, frame.detail)
    return "".join(part.mask for part in parts)


def detailed(scene: Scene, paint: Paint, again: Paint, masks: Masks) -> Paint:
    """Return `paint` followed by the scene's detail pass, which `again` paints; `paint` itself without one."""
    from animator.render.detail import Detailed

    detail = scene.settings.detail
    if not detail.mask:
        return paint
    most = MOST_DETAIL * scene.native**2
    return Detailed(paint, again, masks, most, detail.prompt, detail.padding)


def closest(scene: Scene) -> int:
    """Return the most pixels that the detail pass may paint at once, for a mask that covers all; 0 without it."""
    from animator.render.detail import enlarged

    details = [frame.detail for frame in timeline(scene) if frame.diffuse and frame.detail.mask]
    scales = [detail.scale for detail in details if detail.strength]
    if not scales:
        return 0
    width, height = enlarged(*scene.size, max(scales), MOST_DETAIL * scene.native**2)
    return width * height


def masks(scene: Scene, frames: Sequence[Frame], camera: Camera, first: Image | None) -> Masks:
    """Return the scene's masks for `frames`, a shot or the rest of one that began with the image `first`.

    `first` is None where the shot begins with a painted frame. Raises SceneError for files that cannot be read.
    """
    from animator.render.masks import Masks, Named, Shot

    begun = frames[0].shot
    whole = {frame.index: frame for frame in timeline(scene)} | {frame.index: frame for frame in frames}
    since = [frame for frame in whole.values() if begun < frame.index <= frames[-1].index]
    shot = Shot(begun, since, camera, scene.settings.motion.border, first)
    named = {
        name: Named(_source(scene, name, camera, range(begun, frames[-1].index + 1)), mask.follow)
        for name, mask in scene.settings.masks.items()
    }
    return Masks(named, shot, *scene.size)


def _source(scene: Scene, name: str, camera: Camera, frames: range) -> Source:
    """Return the source of the mask `name`, feathered, for these frames of the film. Raises SceneError."""
    from animator.imaging import masks as pixels
    from animator.imaging.io import Film
    from animator.render.mask_sources import Keyed, Played, Still

    mask, size = scene.settings.masks[name], scene.size
    given: Any = getattr(mask, mask.source)
    path, reach = ("masks", name, mask.source), pixels.pixels(mask.feather, size.width)
    try:
        match mask.source:
            case "file":
                return Still(pixels.read(scene.file(path, given), *size), reach)
            case "alpha":
                return Still(pixels.read_alpha(scene.file(path, given), *size), reach)
            case "video":
                film = Film(scene.file(path, given), *size, scene.settings.video.fps)
                return Played(film, frames.stop, mask.after == "loop", reach)
            case "polygon":
                return Still(pixels.polygon(given, *size), reach)
            case "color":
                within = WITHIN if mask.within is None else mask.within
                return Keyed(lambda image: pixels.keyed(image, given, within), reach)
            case "luminance":
                return Keyed(lambda image: pixels.luminance(image, *given), reach)
            case _:
                depth = partial(_distance, camera, frames.start, scene.settings.motion.depth_scale)
                return Keyed(lambda image: pixels.ranged(depth(image), *given), reach)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be used: {error}")]) from error


def _distance(camera: Camera, index: int, scale: float, image: Image) -> NDArray[np.float32]:
    """Return the distance of each pixel of `image`, that of frame `index`: 0 nearest to 1 farthest, float32 (h, w)."""
    from animator.imaging.cameras import DepthCamera
    from animator.imaging.depth import distance

    assert isinstance(camera, DepthCamera), "depth masks need motion.depth"
    return distance(camera.source.disparity(image, index, camera.source.span(image, None)), scale)
