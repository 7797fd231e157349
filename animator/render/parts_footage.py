"""A scene's footage: what is wrong with its file, and the parts of a film that use it."""

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
    """What is wrong with a file that is there."""
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
    """The footage as the film's frames see it; nothing is read before the first of them does."""
    from animator.render.footage import Footage

    return Footage(partial(_pictures, scene))


def _pictures(scene: Scene, index: int) -> Iterator[Image]:
    """The footage's pictures from frame `index` on, for ever. Raises SceneError."""
    from animator.imaging.io import Film, pictures

    footage = scene.settings.footage
    file = scene.file(FILE, str(footage.file))
    film = Film(file, *scene.size, scene.settings.video.fps, footage.start)
    try:
        yield from pictures(film, index, hold=True)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(FILE, f"cannot be used as a video: {error}")]) from error


def followed(scene: Scene, frames: Sequence[Frame], state: State, camera: Camera, footage: Footage) -> Camera:
    """`camera`, going along with the footage where the scene says so, for frames that follow `state`."""
    from animator.imaging import follow
    from animator.render.following import Following, Steps

    step = {"affine": follow.affine, "perspective": follow.perspective}.get(scene.settings.footage.motion)
    if scene.settings.footage.file is None or step is None:
        return camera
    # A film that goes on needs the picture before it; masks that move along, all since it began.
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
    """A film's painter and its stages before a painting and over other pictures, with the footage where it belongs.

    What is masked, graded and locked is the picture with the footage in it.
    """
    from animator.render.footage import Composite, Flow, Opening

    if scene.settings.footage.file is None:
        return parts
    paint, before, finish = parts
    composite = Composite(footage, masks)
    flow: list[Stage] = [Flow(footage, frames)] if scene.settings.footage.motion == "flow" else []
    return Opening(paint, composite, start), [*flow, composite, *before], [*flow, *finish]


def first(scene: Scene, frame: Frame) -> Image | None:
    """The footage's picture for a film's first frame. Raises SceneError."""
    if scene.settings.footage.file is None:
        return None
    footage = played(scene)
    try:
        return footage(frame.index)
    finally:
        footage.close()
