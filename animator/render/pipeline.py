"""The parts of a film: read a scene, load its painter, build its stages and paint it, one frame at a time.

Modules with heavy libraries are imported where they are used, so that checking a file loads neither torch nor cv2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from animator.frame import Frame, Image, State
from animator.models import nano, samplers
from animator.render import control, detail, device, footage, grading, upscale, views
from animator.render.camera import make_camera
from animator.render.loop import Camera, Painter, Stage, render, shots, starts_shot
from animator.render.masks import build_masks, uses_masks
from animator.render.painter import StartFromImage
from animator.render.views import read_start_image, view_guide, view_images
from animator.scene import model_checks
from animator.scene.scene import Scene
from animator.timeline.advice import compile_variants, missing_trigger_words
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.diffusion.loading import CheckpointSpec
    from animator.imaging.backend import ImageBackend
    from animator.render.footage import FootageReader
    from animator.render.masks import Masks


logger = logging.getLogger(__name__)


def animate(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Painter | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """Paint a film: yield each frame with the state after it; `state.shown` is its finished image.

    The image is RGB uint8 (height, width, 3). `frames` defaults to the scene's timeline; `paint` defaults to the
    SDXL that the scene names, loaded, and is called as `paint(frame, start)`, where `start` is the image to paint
    over, or None to paint from noise. To resume a film, give the `state` after a painted frame and the frames that
    follow it. Painted frames in `known`, by frame number, are not painted again. Raises AnimatorError.
    """
    yield from device.to_host(iterate_film(scene, frames, paint, state, known))


def iterate_film(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Painter | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """Paint a film as `animate` does, without waiting for the GPU: yield each frame with the state after it.

    Images may still be on the GPU or under way to the host; `np.asarray` makes an array of one. Raises AnimatorError.
    """
    frames = timeline(scene) if frames is None else frames
    paint = load_painter(scene) if paint is None else paint
    place = device.choose_place(scene, frames, paint)
    camera, film = make_camera(scene, frames, place.backend), footage.open_footage(scene)
    work = PaintContext(place.wrap_painter(paint), place.wrap_saved(known), place.backend)
    for shot in shots(frames):
        before = State() if state is None or starts_shot(shot[0]) else place.move_state(state)
        yield from place.start_copies(
            film.close_after(_animate_shot(scene, shot, work, camera, film, before))
        )


class PaintContext(NamedTuple):
    """The painter of a film, the saved painted frames by frame number, and the image operations of their device."""

    paint: Painter
    saved: Mapping[int, Image]
    backend: ImageBackend


def _animate_shot(
    scene: Scene,
    frames: Sequence[Frame],
    work: PaintContext,
    camera: Camera,
    film: FootageReader,
    state: State,
) -> Iterator[tuple[Frame, State]]:
    """Paint one shot, or the rest of it after `state`; yield each frame with the state after it.

    A closed loop is painted up to the repetition of its first frame, which is not yielded.
    """
    again = views.loop_end_frame(scene, frames)
    for frame, after in render_shot(scene, [*frames, again] if again else frames, work, camera, film, state):
        if frame is not again:
            yield frame, after


def render_shot(
    scene: Scene,
    frames: Sequence[Frame],
    work: PaintContext,
    camera: Camera,
    film: FootageReader,
    state: State,
) -> Iterator[tuple[Frame, State]]:
    """Paint `frames`, all of one shot, after `state`; yield each frame with the state after it."""
    from animator.imaging.flow import interpolate
    from animator.render.painter import skip_cached

    blend = {"crossfade": work.backend.crossfade, "flow": interpolate}[scene.settings.tween]
    camera = footage.tracking_camera(scene, frames, state, camera, film)
    views, masks = view_images(scene), None
    paint, (before, after) = work.paint, grading.grading_stages(scene, film, work.backend)
    finish: list[Stage] = []
    picture = views[frames[0].shot] if frames[0].shot in views else read_start_image(scene)
    if uses_masks(frames) or control.hints_follow_camera(scene):
        masks = build_masks(scene, frames, camera, state.first if picture is None else picture)
    plain = paint
    paint, played = control.controlled_painter(scene, paint, camera, masks, read_start_image(scene))
    if masks is not None and uses_masks(frames):
        paint, before, after, finish = _with_masks(masks, paint, before, after)
        paint = detail.detail_painter(scene, paint, plain, masks)
    paint, before, finish = footage.add_footage(scene, frames, film, masks, picture, (paint, before, finish))
    paint, before, after = _with_views(scene, frames, camera, views, paint, before, after)
    paint, before, after = skip_cached(work.saved, paint, before, after)
    shown = render(frames, paint, camera, blend, before, after, finish, state)
    shown = shown if masks is None else masks.take_first_image(shown)
    for video in played:
        shown = video.close_after(shown)
    yield from shown


def _with_views(
    scene: Scene,
    frames: Sequence[Frame],
    camera: Camera,
    views: Mapping[int, Image],
    paint: Painter,
    before: list[Stage],
    after: list[Stage],
) -> tuple[Painter, list[Stage], list[Stage]]:
    """Return the painter and the stages before and after it, guided towards views and the end of a closed loop.

    Guiding works on whole images, and so comes before every other stage.
    """
    from animator.render.views import LoopClose, LoopClosePainter, StartFromView

    lead = view_guide(scene, frames, camera, views)
    painter = LoopClosePainter(StartFromView(paint, views), scene.frames)
    return painter, [lead, *before], [*after, LoopClose(scene.frames)]


def _with_masks(
    masks: Masks, paint: Painter, before: list[Stage], after: list[Stage]
) -> tuple[Painter, list[Stage], list[Stage], list[Stage]]:
    """Return the painter, the stages before and after it and those over other frames, bounded by masks.

    The lock comes last, after a painting pass and over frames that are not painted.
    """
    from animator.render.masks import MaskedPainter, MaskedStage, ProductLock

    graded: list[Stage] = [MaskedStage(stage, masks) for stage in before]
    mended: list[Stage] = [MaskedStage(stage, masks) for stage in after]
    return (
        MaskedPainter(paint, masks),
        graded,
        [*mended, ProductLock(masks)],
        [ProductLock(masks, whole=True)],
    )


def load_painter(scene: Scene) -> Painter:
    """Return the scene's painter: SDXL, loaded, with hires fix and the start image where the scene needs them.

    Logs a note for each LoRA whose trigger words no prompt contains. Raises ModelError, SceneError.
    """
    from animator.diffusion import loading

    model_checks.require_models(scene)
    loading.require_matching_torchvision()
    from animator.diffusion.sdxl import SDXLPainter
    from animator.render.painter import HiresFix

    model, frames = scene.settings.model, timeline(scene)
    loras = {
        name: scene.file(("model", "loras", name, "file"), lora.file) for name, lora in model.loras.items()
    }
    words = {word: scene.file(("model", "embeddings", word), file) for word, file in model.embeddings.items()}
    for note in missing_trigger_words(scene, frames):
        logger.info("note: %s", note)
    first = views.read_start_image(scene)  # before the model, so that an unreadable file is reported at once
    nets, refiner, adapters = (
        control.controlnets_to_load(scene),
        control.refiner_to_load(scene),
        control.ip_adapters_to_load(scene),
    )
    source = _scene_checkpoint(scene, frames)
    sdxl = SDXLPainter(source, *scene.size, loras, words, controls=nets, refiner=refiner, adapters=adapters)
    known = HiresFix(sdxl, scene.size, scene.native_size) if scene.size.exceeds(scene.native_size) else sdxl
    paint = known if first is None else StartFromImage(known, first)
    device.log_placement(scene, paint)
    return paint


def _scene_checkpoint(scene: Scene, frames: Sequence[Frame]) -> CheckpointSpec:
    """Return the checkpoint that the scene names, with the size and number of its painting passes.

    Both decide whether compiling the model pays, and how much memory is needed.
    """
    from animator.diffusion.loading import CheckpointSpec

    model = scene.settings.model
    base = str(nano.weights_folder()) if model.base == "nano" else model.base
    config = None if model.config is None else scene.file(("model", "config"), model.config)
    folder = scene.file(("model", "base"), ".")
    vae = model.vae
    if vae is not None and scene.file(("model", "vae"), vae).exists():
        vae = str(scene.file(("model", "vae"), vae))
    running: dict[str, Any] = {
        name: getattr(model, name) for name in ("prediction", "tiling", "memory", "compile")
    }
    calls = sum(samplers.effective_steps(frame.painting) for frame in frames if frame.diffuse)
    calls //= compile_variants(frames) or 1  # each LoRA scaling would have to be compiled
    running |= {"calls": calls, "pixels": max(upscale.second_pass_pixels(scene), detail.detail_pixels(scene))}
    return CheckpointSpec(base, folder, config, model.device, model.dtype, vae, **running)
