"""A scene's masks: what is wrong with their files, and the parts they are made of."""

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

MOST_DETAIL = 4  # of the pixels a model was trained on: how large a part of a painting is painted in detail


def problems(scene: Scene) -> Iterator[Problem]:
    """What is wrong with files that are there."""
    for path, name in mask_files(scene):
        file, mask = scene.file(path, name), scene.settings.masks[path[1]]
        try:
            if is_file(file):
                _check(file, mask, scene)
        except (OSError, ValueError) as error:
            kind = "video" if mask.source == "video" else "picture"
            yield scene.problem(path, f"cannot be used as a {kind}: {error}")


def _check(file: Path, mask: Mask, scene: Scene) -> None:
    """Read the head of a mask's file. Raises OSError, ValueError."""
    if mask.source != "video":
        from animator.imaging.masks import check

        return check(file, mask.source == "alpha")
    from animator.imaging.io import length

    frames = round(length(file) * scene.settings.video.fps)
    if frames < scene.frames and mask.after is None:
        film = f"it has pictures for {frames} frames, the film has {scene.frames}"
        raise ValueError(f"{film}; say what comes then: 'after: hold' or 'after: loop'")
    return None


def used(frames: Sequence[Frame]) -> bool:
    """Whether any frame is painted, graded, locked, laid over footage or painted in detail by masks."""
    return any(_texts(frame) for frame in frames)


def _texts(frame: Frame) -> str:
    parts = (frame.painting, frame.grade, frame.lock, frame.footage, frame.detail)
    return "".join(part.mask for part in parts)


def detailed(scene: Scene, paint: Paint, again: Paint, masks: Masks) -> Paint:
    """`paint`, whose paintings `again` paints once more in detail where the scene says so."""
    from animator.render.detail import Detailed

    detail = scene.settings.detail
    if not detail.mask:
        return paint
    most = MOST_DETAIL * scene.native**2
    return Detailed(paint, again, masks, most, detail.prompt, detail.padding)


def closest(scene: Scene) -> int:
    """Pixels of the largest part that may be painted in detail: the whole picture's, if a mask shows it; 0: none."""
    from animator.render.detail import enlarged

    details = [frame.detail for frame in timeline(scene) if frame.diffuse and frame.detail.mask]
    scales = [detail.scale for detail in details if detail.strength]
    if not scales:
        return 0
    width, height = enlarged(*scene.size, max(scales), MOST_DETAIL * scene.native**2)
    return width * height


def masks(scene: Scene, frames: Sequence[Frame], camera: Camera, first: Image | None) -> Masks:
    """The scene's masks for `frames`, a film or the rest of one that began with the picture `first`.

    Raises SceneError for files that cannot be read.
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
    """Where the mask `name` comes from, with its soft edge, for these frames of the film."""
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
    """How far the surfaces of `image`, the picture of frame `index`, are from the camera: 0 nearest … 1 farthest."""
    from animator.imaging.cameras import DepthCamera
    from animator.imaging.depth import distance

    assert isinstance(camera, DepthCamera), "a film without depth has no masks by it"
    return distance(camera.source.disparity(image, index, camera.source.span(image, None)), scale)
