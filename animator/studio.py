"""Read a scene, choose the parts: the composition root, the only core module that sees every room.

Rooms with heavy libraries are entered when their part is needed, so that checking a file loads neither torch
nor cv2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from animator import nano
from animator.errors import Path as Place
from animator.errors import Problem, SceneError
from animator.frame import Frame, Image, State
from animator.render.loop import Paint, Stage, render
from animator.scene.lists import rgb
from animator.scene.model import REFERENCES
from animator.scene.presets import is_file
from animator.scene.scene import Scene, read, read_text
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.pixels.palette import Pull


def load(file: str | Path, settings: Sequence[str] = ()) -> Scene:
    """Read a schedule file, all of it: settings, curves and the files it names.

    `settings` are overrides as on the command line: `"motion.zoom=1.01"`, `"product=electric scooter"`.
    Raises SceneError with every problem found.
    """
    return _whole(*read(Path(file), settings))


def loads(text: str, folder: str | Path = ".", settings: Sequence[str] = ()) -> Scene:
    """The same from text; relative paths in it start from `folder`. It may not extend anything."""
    return _whole(*read_text(text, Path(folder), settings))


def _whole(scene: Scene, problems: list[Problem]) -> Scene:
    """`scene`, if neither reading it, nor its curves, nor its pictures show a problem."""
    reference = scene.settings.grade.color_reference
    pictures = {
        ("start", "image"): scene.settings.start.image,
        ("grade", "color_reference"): None if reference in REFERENCES else reference,
    }
    problems.extend(problem for path, name in pictures.items() for problem in _unreadable(scene, path, name))
    try:
        timeline(scene)
    except SceneError as error:
        problems.extend(error.problems)
    if problems:
        raise SceneError(problems)
    return scene


def _unreadable(scene: Scene, path: Place, name: str | None) -> Iterator[Problem]:
    """What keeps the picture file `name`, written at `path`, from being read; that it is missing is known already."""
    if name is None or not is_file(scene.file(path, name)):
        return
    from animator.pixels.picture import check

    try:
        check(scene.file(path, name))
    except (OSError, ValueError) as error:
        yield scene.problem(path, f"cannot be read as a picture: {error}")


def painter(scene: Scene) -> Paint:
    """SDXL for this scene, loaded. Raises ModelError."""
    from animator.diffusion.checkpoint import Checkpoint
    from animator.diffusion.sdxl import Sdxl

    model = scene.settings.model
    base = str(nano.folder()) if model.base == "nano" else model.base
    config = None if model.config is None else scene.file(("model", "config"), model.config)
    source = Checkpoint(base, scene.file(("model", "base"), "."), config, model.device, model.dtype)
    files = {name: ("model", "loras", name, "file") for name in model.loras}
    loras = {name: scene.file(path, model.loras[name].file) for name, path in files.items()}
    first = start_picture(scene)  # before the model: it takes no minute to find out that it cannot be read
    sdxl = Sdxl(source, scene.size.width, scene.size.height, loras)
    return sdxl if first is None else partial(_from_picture, sdxl, first)


def _from_picture(paint: Paint, picture: Image, frame: Frame, start: Image | None) -> Image:
    """A painter that has a picture where it would have nothing to start from."""
    return paint(frame, picture if start is None else start)


def start_picture(scene: Scene) -> Image | None:
    """The scene's start picture, in the film's size: scaled to cover it and cropped in the middle."""
    image = scene.settings.start.image
    return None if image is None else _picture(scene, ("start", "image"), image)


def _picture(scene: Scene, path: Place, name: str) -> Image:
    """The picture file `name`, written at `path`, in the film's size."""
    from animator.pixels.picture import read

    try:
        return read(scene.file(path, name), *scene.size)
    except (OSError, ValueError) as error:
        raise SceneError([scene.problem(path, f"cannot be read as a picture: {error}")]) from error


def animate(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Paint | None = None,
    state: State | None = None,
) -> Iterator[tuple[Frame, State]]:
    """Paint a film: yield each frame with the state after it; `state.shown` is its picture.

    `frames` is the scene's timeline unless given, `paint` the SDXL it names; with the `state` after a
    painted frame and the frames behind it a film goes on where it stopped. Raises AnimatorError.
    """
    from animator.pixels.blend import crossfade
    from animator.pixels.camera import Camera2D
    from animator.pixels.flow import between

    settings = scene.settings
    frames = timeline(scene) if frames is None else frames
    paint = painter(scene) if paint is None else paint
    camera = Camera2D(*scene.size, settings.motion.border)
    blend = {"crossfade": crossfade, "flow": between}[settings.tween]
    before, after = _stages(scene)
    yield from render(frames, paint, camera, blend, before, after, State() if state is None else state)


def _stages(scene: Scene) -> tuple[list[Stage], list[Stage]]:
    """What is done to a picture before and after it is painted. Colour comes before noise, which it would tint."""
    from animator.render import stages

    grade = scene.settings.grade
    ready, painted = _matched(scene)
    pulled: list[Stage] = [stages.PullToPalette(_pull(grade.palette))] if grade.palette else []
    noise = stages.AddNoise(grade.noise_type == "perlin")
    return [*ready, stages.contrast, stages.sharpened, noise], [*painted, *pulled]


def _matched(scene: Scene) -> tuple[list[Stage], list[Stage]]:
    """How colours are matched before and after a painting."""
    from animator.render.stages import First, Fixed, MatchColor, Rolling, UnlessAnchor

    grade = scene.settings.grade
    if grade.color == "none":
        return [], []
    match grade.color_reference:
        case "first":
            stage: Stage = UnlessAnchor(MatchColor(First(grade.color), grade.color, grade.color_by))
            return [stage], [stage]
        case "rolling":
            # Nothing to do before: the picture that has moved is the last painting, and has its colours.
            goal = Rolling(grade.color, grade.color_memory)
            return [], [UnlessAnchor(MatchColor(goal, grade.color, grade.color_by))]
        case name:
            fixed = Fixed(_picture(scene, ("grade", "color_reference"), name), grade.color)
            stage = MatchColor(fixed, grade.color, grade.color_by)
            return [stage], [stage]


def _pull(colors: Sequence[str]) -> Pull:
    from animator.pixels.palette import Pull

    return Pull(np.array([rgb(color) for color in colors], np.uint8))


def facts(scene: Scene) -> Callable[[Frame, State], dict[str, float]]:
    """What a run's journal tells about the colours of each painted frame: see Facts."""
    from animator.render.facts import Facts
    from animator.render.stages import First, Fixed

    grade = scene.settings.grade
    given = grade.color != "none" and grade.color_reference not in REFERENCES
    place = ("grade", "color_reference")
    goal = Fixed(_picture(scene, place, grade.color_reference), "lab") if given else First("lab")
    return Facts(goal, _pull(grade.palette) if grade.palette else None)


def preview(scene: Scene, frames: Sequence[Frame] | None = None) -> Iterator[tuple[Frame, State]]:
    """The film's motion without a model: the start picture, or a test card, moved by the same camera as a render's."""
    from animator.diffusion.flat import Flat, test_card

    picture = start_picture(scene)
    frames = timeline(scene) if frames is None else frames
    only_moving = [
        replace(frame, diffuse=frame is frames[0], tween=float(frame is frames[0])) for frame in frames
    ]
    return animate(scene, only_moving, Flat(test_card(*scene.size) if picture is None else picture))
