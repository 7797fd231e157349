"""Animate(): parts for a scene.

Read a scene, build its parts and paint it: the composition root, which alone imports every core package.

Modules with heavy libraries are imported where they are used, so that checking a file loads neither torch nor cv2.

Load the painter of a scene: SDXL with the models that the schedule names.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from animator.frame import Frame, Image, State
from animator.models import nano, samplers
from animator.render import camera as cameras
from animator.render import control as controlling
from animator.render import detail, footage, grading, views
from animator.render import device as residing
from animator.render import masks as masks_
from animator.render import upscale as upscaling
from animator.render import views as views_
from animator.render.loop import Camera, Paint, Stage, begins, render, shots
from animator.render.masks import used
from animator.render.painter import FromPicture
from animator.render.views import start_picture
from animator.scene import model_checks as whereabouts
from animator.scene.scene import Scene
from animator.timeline.advice import scalings, unheard
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.diffusion.loading import Checkpoint
    from animator.imaging.backend import Tools
    from animator.render.footage import Footage
    from animator.render.masks import Masks


logger = logging.getLogger(__name__)


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
    paint = painter(scene) if paint is None else paint
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
    again = views.again(scene, frames)
    for frame, after in _paint(scene, [*frames, again] if again else frames, work, camera, film, state):
        if frame is not again:
            yield frame, after


def _paint(
    scene: Scene, frames: Sequence[Frame], work: Work, camera: Camera, film: Footage, state: State
) -> Iterator[tuple[Frame, State]]:
    """Paint `frames`, all of one shot, after `state`; yield each frame with the state after it."""
    from animator.imaging.flow import between
    from animator.render.painter import unless_known

    blend = {"crossfade": work.tools.crossfade, "flow": between}[scene.settings.tween]
    camera = footage.followed(scene, frames, state, camera, film)
    views, masks = views_.views(scene), None
    paint, (before, after) = work.paint, grading.stages(scene, film, work.tools)
    finish: list[Stage] = []
    picture = views[frames[0].shot] if frames[0].shot in views else start_picture(scene)
    if used(frames) or controlling.follows(scene):
        masks = masks_.masks(scene, frames, camera, state.first if picture is None else picture)
    plain = paint
    paint, played = controlling.controlled_painter(scene, paint, camera, masks, start_picture(scene))
    if masks is not None and used(frames):
        paint, before, after, finish = _masked(masks, paint, before, after)
        paint = detail.detailed(scene, paint, plain, masks)
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

    lead = views_.lead(scene, frames, camera, views)
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


def painter(scene: Scene) -> Paint:
    """Return the scene's painter: SDXL, loaded, with hires fix and the start image where the scene needs them.

    Logs a note for each LoRA whose trigger words no prompt contains. Raises ModelError, SceneError.
    """
    from animator.diffusion import loading

    whereabouts.check(scene)
    loading.check()
    from animator.diffusion.sdxl import Sdxl
    from animator.render.painter import Hires

    model, frames = scene.settings.model, timeline(scene)
    loras = {
        name: scene.file(("model", "loras", name, "file"), lora.file) for name, lora in model.loras.items()
    }
    words = {word: scene.file(("model", "embeddings", word), file) for word, file in model.embeddings.items()}
    for note in unheard(scene, frames):
        logger.info("note: %s", note)
    first = views.start_picture(scene)  # before the model, so that an unreadable file is reported at once
    nets, refiner, adapters = controlling.nets(scene), controlling.refiner(scene), controlling.adapters(scene)
    source = _checkpoint(scene, frames)
    sdxl = Sdxl(source, *scene.size, loras, words, controls=nets, refiner=refiner, adapters=adapters)
    known = Hires(sdxl, scene.size, scene.native) if scene.size.beyond(scene.native) else sdxl
    paint = known if first is None else FromPicture(known, first)
    residing.tell(scene, paint)
    return paint


def _checkpoint(scene: Scene, frames: Sequence[Frame]) -> Checkpoint:
    """Return the checkpoint that the scene names, with the size and number of its painting passes.

    Both decide whether compiling the model pays, and how much memory is needed.
    """
    from animator.diffusion.loading import Checkpoint

    model = scene.settings.model
    base = str(nano.folder()) if model.base == "nano" else model.base
    config = None if model.config is None else scene.file(("model", "config"), model.config)
    folder = scene.file(("model", "base"), ".")
    vae = model.vae
    if vae is not None and scene.file(("model", "vae"), vae).exists():
        vae = str(scene.file(("model", "vae"), vae))
    running: dict[str, Any] = {
        name: getattr(model, name) for name in ("prediction", "tiling", "memory", "compile")
    }
    calls = sum(samplers.steps_run(frame.painting) for frame in frames if frame.diffuse)
    calls //= scalings(frames) or 1  # each LoRA scaling would have to be compiled
    running |= {"calls": calls, "pixels": max(upscaling.largest(scene), detail.closest(scene))}
    return Checkpoint(base, folder, config, model.device, model.dtype, vae, **running)
