"""Read a scene, choose the parts: the composition root, the only core module that sees every room.

Rooms with heavy libraries are entered when their part is needed, so that checking a file loads neither torch
nor cv2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from animator.errors import Path as Place
from animator.errors import Problem, SceneError
from animator.frame import Frame, Image, State
from animator.render import camera as cameras
from animator.render import control as controlling
from animator.render import device as residing
from animator.render import grading, leading, masking, painters
from animator.render import parts_footage as footage
from animator.render.loop import Camera, Paint, Stage, render
from animator.render.shards import begins, shots
from animator.scene import model_checks as whereabouts
from animator.scene.presets import is_file, named
from animator.scene.scene import Scene, read, read_text
from animator.scene.settings import REFERENCES
from animator.scene.views import view_files
from animator.timeline import deliverables as delivery
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.imaging.backend import Tools
    from animator.render.footage import Footage
    from animator.render.masks import Masks

logger = logging.getLogger(__name__)


def load(file: str | Path, settings: Sequence[str] = ()) -> Scene:
    """Read a schedule file, or the preset of that name, all of it: settings, curves and the files it names.

    `settings` are overrides as on the command line: `"motion.zoom=1.01"`, `"product=electric scooter"`.
    Raises SceneError with every problem found.
    """
    return _whole(*read(named(Path(file)), settings))


def loads(text: str, folder: str | Path = ".", settings: Sequence[str] = ()) -> Scene:
    """The same from text; relative paths in it start from `folder`. It may not extend anything."""
    return _whole(*read_text(text, Path(folder), settings))


def _whole(scene: Scene, problems: list[Problem]) -> Scene:
    """`scene`, if neither reading it, nor its curves, nor its pictures show a problem."""
    for path, file in _pictures(scene):
        from animator.imaging.picture import check

        try:
            check(file)
        except (OSError, ValueError) as error:
            name = "" if path != ("motion", "depth") else f"{file.name} "
            problems.append(scene.problem(path, f"{name}cannot be read as a picture: {error}"))
    problems.extend(masking.problems(scene))
    problems.extend(footage.problems(scene))
    problems.extend(controlling.problems(scene))
    problems.extend(whereabouts.problems(scene))
    problems.extend(delivery.problems(scene))
    try:
        timeline(scene)
    except SceneError as error:
        problems.extend(error.problems)
    if problems:
        raise SceneError(problems)
    return scene


def _pictures(scene: Scene) -> Iterator[tuple[Place, Path]]:
    """The picture files that a scene names and that are there, with where they were written."""
    reference = scene.settings.grade.color_reference
    named = {
        ("start", "image"): scene.settings.start.image,
        grading.REFERENCE: None if reference in REFERENCES else reference,
    }
    files = [(path, scene.file(path, name)) for path, name in named.items() if name is not None]
    files += [(("motion", "depth"), file) for file in scene.depth_files]
    files += [(path, scene.file(path, name)) for path, name in view_files(scene)]
    return ((path, file) for path, file in files if is_file(file))


def animate(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Paint | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """Paint a film: yield each frame with the state after it; `state.shown` is its picture.

    `frames` is the scene's timeline unless given, `paint` the SDXL it names; with the `state` after a
    painted frame and the frames behind it a film goes on where it stopped. Paintings that are `known`, by
    frame, are not painted again. Raises AnimatorError.
    """
    yield from residing.fetched(painted(scene, frames, paint, state, known))


def painted(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Paint | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """The same without a wait for the GPU: pictures may still be on their way, and are arrays by `np.asarray` only."""
    frames = timeline(scene) if frames is None else frames
    paint = painters.painter(scene) if paint is None else paint
    place = residing.place(scene, frames, paint)
    camera, film = cameras.camera_of(scene, frames, place.tools), footage.played(scene)
    work = Work(place.painter(paint), place.known(known), place.tools)
    for shot in shots(frames):
        before = State() if state is None or begins(shot[0]) else place.state(state)
        yield from place.watch(film.during(_animate(scene, shot, work, camera, film, before)))


class Work(NamedTuple):
    """Where paintings come from: the painter, and those that are there already, by frame; the tools used on them."""

    paint: Paint
    known: Mapping[int, Image]
    tools: Tools


def _animate(
    scene: Scene, frames: Sequence[Frame], work: Work, camera: Camera, film: Footage, state: State
) -> Iterator[tuple[Frame, State]]:
    """Paint one shot, or the rest of it after `state`.

    A closed loop is painted as far as its first frame come again, which is not shown once more.
    """
    again = leading.again(scene, frames)
    for frame, after in _paint(scene, [*frames, again] if again else frames, work, camera, film, state):
        if frame is not again:
            yield frame, after


def _paint(
    scene: Scene, frames: Sequence[Frame], work: Work, camera: Camera, film: Footage, state: State
) -> Iterator[tuple[Frame, State]]:
    """Paint `frames`, all of one shot."""
    from animator.imaging.flow import between
    from animator.render.known import unless_known

    blend = {"crossfade": work.tools.crossfade, "flow": between}[scene.settings.tween]
    camera = footage.followed(scene, frames, state, camera, film)
    views, masks = leading.views(scene), None
    paint, (before, after) = work.paint, grading.stages(scene, film, work.tools)
    finish: list[Stage] = []
    picture = views[frames[0].shot] if frames[0].shot in views else grading.start_picture(scene)
    if masking.used(frames) or controlling.follows(scene):
        masks = masking.masks(scene, frames, camera, state.first if picture is None else picture)
    plain = paint
    paint, played = controlling.guided(scene, paint, camera, masks, grading.start_picture(scene))
    if masks is not None and masking.used(frames):
        paint, before, after, finish = _masked(masks, paint, before, after)
        paint = masking.detailed(scene, paint, plain, masks)
    paint, before, finish = footage.laid(scene, frames, film, masks, picture, (paint, before, finish))
    paint, before, after = _led(scene, frames, camera, views, paint, before, after)
    paint, before, after = unless_known(work.known, paint, before, after)
    shown = render(frames, paint, camera, blend, before, after, finish, state)
    shown = shown if masks is None else masks.watch(shown)
    for video in played:
        shown = video.during(shown)
    yield from shown


def _led(
    scene: Scene,
    frames: Sequence[Frame],
    camera: Camera,
    views: Mapping[int, Image],
    paint: Paint,
    before: list[Stage],
    after: list[Stage],
) -> tuple[Paint, list[Stage], list[Stage]]:
    """The same parts, led to what stands ahead: whole pictures, before anything is done to them."""
    from animator.render.views import Again, FromView, Unpainted

    lead = leading.lead(scene, frames, camera, views)
    painter = Unpainted(FromView(paint, views), scene.frames)
    return painter, [lead, *before], [*after, Again(scene.frames)]


def _masked(
    masks: Masks, paint: Paint, before: list[Stage], after: list[Stage]
) -> tuple[Paint, list[Stage], list[Stage], list[Stage]]:
    """The same parts where the masks are, and what is done to pictures between paintings. The lock comes last."""
    from animator.render.masks import Lock, Masked, Within

    graded: list[Stage] = [Within(stage, masks) for stage in before]
    mended: list[Stage] = [Within(stage, masks) for stage in after]
    return Masked(paint, masks), graded, [*mended, Lock(masks)], [Lock(masks, whole=True)]
