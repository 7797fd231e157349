"""Build the parts of a film that use the scene's footage, and check its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from animator.errors import Problem, SceneError
from animator.frame import Frame, Image, Matrix, State
from animator.render import masking
from animator.scene.footage import FILE
from animator.scene.presets import is_file
from animator.scene.scene import Scene

if TYPE_CHECKING:
    from animator.render.footage import Footage
    from animator.render.loop import Camera, Paint, Stage
    from animator.render.masks import Masks


def problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of an existing footage file: not a video, or shorter than `footage.start`."""
    name, start = scene.settings.footage.file, scene.settings.footage.start
    if name is None or not is_file(scene.file(FILE, name)):
        return
    from animator.imaging.io import length

    try:
        seconds = length(scene.file(FILE, name))
    except (OSError, ValueError) as error:
        yield scene.problem(FILE, f"cannot be used as a video: {error}")
        return
    if start >= seconds:
        yield scene.problem(("footage", "start"), f"{start:g}: the video ends after {seconds:g} seconds")


def played(scene: Scene) -> Footage:
    """Return the reader of the scene's footage; the file is opened when the first frame asks for an image."""
    from animator.render.footage import Footage

    return Footage(partial(_pictures, scene))


def _pictures(scene: Scene, index: int) -> Iterator[Image]:
    """Yield the footage's images from frame `index` on; the last one repeats endlessly. Raises SceneError."""
    from animator.imaging.io import Film, pictures

    footage = scene.settings.footage
    file = scene.file(FILE, str(footage.file))
    film = Film(file, *scene.size, scene.settings.video.fps, footage.start)
    try:
        yield from pictures(film, index, hold=True)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(FILE, f"cannot be used as a video: {error}")]) from error


def followed(scene: Scene, frames: Sequence[Frame], state: State, camera: Camera, footage: Footage) -> Camera:
    """Return `camera` with the footage's motion added, for `frames` that follow `state`.

    Returns `camera` itself unless `footage.motion` is "affine" or "perspective".
    """
    from animator.imaging import follow
    from animator.render.following import Following, Steps

    step = {"affine": follow.affine, "perspective": follow.perspective}.get(scene.settings.footage.motion)
    if scene.settings.footage.file is None or step is None:
        return camera
    # A resumed film needs the footage image before its first frame; masks that follow need all since the shot began.
    first = frames[0].index - (state.painting is not None)
    if masking.used(frames):
        first = frames[0].shot
    flat = camera.rest.shape == (3, 3)
    return Following(camera, Steps(footage, first, step), _same if flat else scene.lens.everywhere)


def _same(matrix: Matrix) -> Matrix:
    return matrix


def laid(
    scene: Scene,
    frames: Sequence[Frame],
    footage: Footage,
    masks: Masks | None,
    start: Image | None,
    parts: tuple[Paint, list[Stage], list[Stage]],
) -> tuple[Paint, list[Stage], list[Stage]]:
    """Return the painter, the stages before a painting pass and the stages over other frames, with the footage added.

    `parts` are the three without footage, and are returned unchanged if the scene has none. The footage comes first,
    so that masks, grading and the lock work on the image with the footage in it. `start` is the image that a shot
    starts from, if any.
    """
    from animator.render.footage import Composite, Flow, Opening

    if scene.settings.footage.file is None:
        return parts
    paint, before, finish = parts
    composite = Composite(footage, masks)
    flow: list[Stage] = [Flow(footage, frames)] if scene.settings.footage.motion == "flow" else []
    return Opening(paint, composite, start), [*flow, composite, *before], [*flow, *finish]


def first(scene: Scene, frame: Frame) -> Image | None:
    """Return the footage's image for `frame`, or None without footage; closes the video. Raises SceneError."""
    if scene.settings.footage.file is None:
        return None
    footage = played(scene)
    try:
        return footage(frame.index)
    finally:
        footage.close()
