"""Read a scene, build its parts and paint it: the composition root, which alone imports every core package.

Modules with heavy libraries are imported where they are used, so that checking a file loads neither torch nor cv2.
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
    """Read a schedule file, or the preset of that name, and check its settings, curves and the files it names.

    `settings` are overrides as on the command line: `"motion.zoom=1.01"`, `"product=electric scooter"`.
    Raises SceneError with every problem found.
    """
    return _whole(*read(named(Path(file)), settings))


def loads(text: str, folder: str | Path = ".", settings: Sequence[str] = ()) -> Scene:
    """Read and check a schedule given as YAML text; relative paths in it start from `folder`.

    The text cannot use `extends`. `settings` are overrides as in `load`. Raises SceneError with every problem found.
    """
    return _whole(*read_text(text, Path(folder), settings))


def _whole(scene: Scene, problems: list[Problem]) -> Scene:
    """Return `scene` if it has no problem: neither `problems`, nor in its files, models, deliverables and curves.

    Raises SceneError with every problem found.
    """
    for path, file in _pictures(scene):
        from animator.imaging.picture import check

        try:
            check(file)
        except (OSError, ValueError) as error:
            name = "" if path != ("motion", "depth") else f"{file.name} "
            problems.append(scene.problem(path, f"{name}cannot be read as an image: {error}"))
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
    """Yield the existing image files that a scene names, each with the path of its setting."""
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
    """Paint a film: yield each frame with the state after it; `state.shown` is its finished image.

    The image is RGB uint8 (height, width, 3). `frames` defaults to the scene's timeline; `paint` defaults to the
    SDXL that the scene names, loaded, and is called as `paint(frame, start)`, where `start` is the image to paint
    over, or None to paint from noise. To resume a film, give the `state` after a painted frame and the frames that
    follow it. Painted frames in `known`, by frame number, are not painted again. Raises AnimatorError.
    """
    yield from residing.fetched(painted(scene, frames, paint, state, known))


def painted(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Paint | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """Paint a film as `animate` does, without waiting for the GPU: yield each frame with the state after it.

    Images may still be on the GPU or under way to the host; `np.asarray` makes an array of one. Raises AnimatorError.
    """
    frames = timeline(scene) if frames is None else frames
    paint = painters.painter(scene) if paint is None else paint
    place = residing.place(scene, frames, paint)
    camera, film = cameras.camera_of(scene, frames, place.tools), footage.played(scene)
    work = Work(place.painter(paint), place.known(known), place.tools)
    for shot in shots(frames):
        before = State() if state is None or begins(shot[0]) else place.state(state)
        yield from place.watch(film.during(_animate(scene, shot, work, camera, film, before)))


class Work(NamedTuple):
    """The painter of a film, the saved painted frames by frame number, and the image operations of their device."""

    paint: Paint
    known: Mapping[int, Image]
    tools: Tools


def _animate(
    scene: Scene, frames: Sequence[Frame], work: Work, camera: Camera, film: Footage, state: State
) -> Iterator[tuple[Frame, State]]:
    """Paint one shot, or the rest of it after `state`; yield each frame with the state after it.

    A closed loop is painted up to the repetition of its first frame, which is not yielded.
    """
    again = leading.again(scene, frames)
    for frame, after in _paint(scene, [*frames, again] if again else frames, work, camera, film, state):
        if frame is not again:
            yield frame, after


def _paint(
    scene: Scene, frames: Sequence[Frame], work: Work, camera: Camera, film: Footage, state: State
) -> Iterator[tuple[Frame, State]]:
    """Paint `frames`, all of one shot, after `state`; yield each frame with the state after it."""
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
    """Return the painter and the stages before and after it, guided towards views and the end of a closed loop.

    Guiding works on whole images, and so comes before every other stage.
    """
    from animator.render.views import Again, FromView, Unpainted

    lead = leading.lead(scene, frames, camera, views)
    painter = Unpainted(FromView(paint, views), scene.frames)
    return painter, [lead, *before], [*after, Again(scene.frames)]


def _masked(
    masks: Masks, paint: Paint, before: list[Stage], after: list[Stage]
) -> tuple[Paint, list[Stage], list[Stage], list[Stage]]:
    """Return the painter, the stages before and after it and those over other frames, bounded by masks.

    The lock comes last, after a painting pass and over frames that are not painted.
    """
    from animator.render.masks import Lock, Masked, Within

    graded: list[Stage] = [Within(stage, masks) for stage in before]
    mended: list[Stage] = [Within(stage, masks) for stage in after]
    return Masked(paint, masks), graded, [*mended, Lock(masks)], [Lock(masks, whole=True)]
