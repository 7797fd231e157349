"""The parts of a film: read a scene, load its painter, build its stages and paint it, one frame at a time.

Modules with heavy libraries are imported where they are used, so that checking a file loads neither torch nor cv2.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from animator.frame import Frame, Image, State
from animator.models import nano, samplers
from animator.models.painter import Painter, PaintFunction, as_painter
from animator.render import control, footage, gpu_frames, grading, upscale, views
from animator.render.camera import make_camera
from animator.render.loop import Blend, Camera, ShotParts, render, shots, starts_shot
from animator.render.masks import add_masks, build_masks, uses_masks
from animator.render.painter import StartFrom, skip_saved
from animator.scene import model_checks
from animator.scene.painters import PAINTERS, painter_family, painter_loader
from animator.scene.plugins import plugin_errors
from animator.scene.scene import Scene
from animator.timeline.advice import compile_variants, missing_trigger_words
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.diffusion.loading import CheckpointSpec
    from animator.imaging.backend import ImageBackend
    from animator.render.footage import FootageReader


logger = logging.getLogger(__name__)


def animate(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    paint: Painter | PaintFunction | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """Paint a film: yield each frame with the state after it; `state.shown` is its finished image.

    The image is RGB uint8 (height, width, 3). `frames` defaults to the scene's timeline. `paint` defaults to the
    SDXL that the scene names, loaded; it may be a `Painter`, or a function (Frame, Image | None) -> Image that gets
    the image to paint over, None for one from noise:

        animate(scene, paint=lambda frame, start: picture if start is None else start)

    To resume a film, give the `state` after a painted frame and the frames that follow it. Painted frames in
    `known`, by frame number, are not painted again. Raises AnimatorError.
    """
    painter = None if paint is None else as_painter(paint)
    yield from gpu_frames.to_host(iterate_film(scene, frames, painter, state, known))


def iterate_film(
    scene: Scene,
    frames: Sequence[Frame] | None = None,
    painter: Painter | None = None,
    state: State | None = None,
    known: Mapping[int, Image] = MappingProxyType({}),
) -> Iterator[tuple[Frame, State]]:
    """Paint a film as `animate` does, without waiting for the GPU: yield each frame with the state after it.

    Images may still be on the GPU or under way to the host; `np.asarray` makes an array of one. Raises AnimatorError.
    """
    frames = timeline(scene) if frames is None else frames
    painter = load_painter(scene) if painter is None else painter
    place = gpu_frames.choose_place(scene, frames, painter)
    camera = make_camera(scene, frames, place.backend)
    with closing(footage.open_footage(scene)) as film:
        work = FilmContext(place.wrap_painter(painter), place.wrap_saved(known), place.backend, camera, film)
        for shot in shots(frames):
            before = State() if state is None or starts_shot(shot[0]) else place.move_state(state)
            yield from place.start_copies(_animate_shot(scene, shot, work, before))


class FilmContext(NamedTuple):
    """Parts that the shots of a film share: `saved` are painted frames by number; `footage` is read in film order."""

    painter: Painter
    saved: Mapping[int, Image]
    backend: ImageBackend
    camera: Camera
    footage: FootageReader


def _animate_shot(
    scene: Scene, frames: Sequence[Frame], work: FilmContext, state: State
) -> Iterator[tuple[Frame, State]]:
    """Paint one shot, or the rest of it after `state`; yield each frame with the state after it.

    A closed loop is painted up to the repetition of its first frame, which is not yielded.
    """
    again = views.loop_end_frame(scene, frames)
    with closing(render_shot(scene, [*frames, again] if again else frames, work, state)) as shown:
        yield from (item for item in shown if item[0] is not again)


def render_shot(
    scene: Scene, frames: Sequence[Frame], work: FilmContext, state: State
) -> Generator[tuple[Frame, State]]:
    """Paint `frames`, all of one shot, after `state`; yield each frame with the state after it."""
    blend = _tween_blend(scene, work.backend)
    camera = footage.tracking_camera(scene, frames, state, work.camera, work.footage)
    images, start = views.view_images(scene), views.read_start_image(scene)
    first, masks = images.get(frames[0].shot, start), None
    if uses_masks(frames) or control.hints_follow_camera(scene):
        masks = build_masks(scene, frames, camera, state.first if first is None else first)
    with ExitStack() as videos:
        parts = ShotParts(work.painter, *grading.grading_stages(scene, work.footage, work.backend))
        parts = control.add_hints(parts, scene, camera, masks, start, videos)
        if masks is not None and uses_masks(frames):
            from animator.render.detail import add_detail
            from animator.render.lock import add_lock

            parts = add_lock(add_masks(parts, masks), masks)
            parts = add_detail(parts, scene, work.painter, masks)
        parts = footage.add_footage(parts, scene, frames, work.footage, masks, first)
        parts = views.add_views(parts, scene, frames, camera, images)
        parts = skip_saved(parts, work.saved)
        shown = render(frames, parts.painter, camera, blend, parts.before, parts.after, parts.finish, state)
        yield from shown if masks is None else masks.take_first_image(shown)


def _tween_blend(scene: Scene, tools: ImageBackend) -> Blend:
    """Return the function that blends the in-betweens of two painted frames."""
    if scene.settings.tween == "crossfade":
        return tools.crossfade
    from animator.imaging.flow import interpolate

    return interpolate


def load_painter(scene: Scene) -> Painter:
    """Return the painter of the scene's family of models, loaded, with the start image if there is one.

    Raises ModelError, SceneError, PluginError.
    """
    name = painter_family(scene)
    first = views.read_start_image(scene)  # before the model, so that an unreadable file is reported at once
    context = f"model.base {scene.settings.model.base}: family {name!r}"
    with plugin_errors(context) if name in PAINTERS.plugins else nullcontext():
        painter = as_painter(painter_loader(name)(scene))
    if scene.settings.product is not None:
        from animator.render.product import ProductPainter

        return ProductPainter(scene, painter)
    paint = painter if first is None else StartFrom(painter, lambda _: first)
    gpu_frames.log_placement(scene, paint)
    return paint


def load_sdxl(scene: Scene) -> Painter:
    """Return the scene's SDXL, loaded, with hires fix where the film's size needs it.

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
    nets, refiner, adapters = (
        control.controlnets_to_load(scene),
        control.refiner_to_load(scene),
        control.ip_adapters_to_load(scene),
    )
    source = _scene_checkpoint(scene, frames)
    sdxl = SDXLPainter(source, *scene.size, loras, words, controls=nets, refiner=refiner, adapters=adapters)
    if scene.settings.product is not None:  # key paintings are made at the model's own size
        from animator.render.product import key_size

        return sdxl.with_size(*key_size(scene))
    return HiresFix(sdxl, scene.size, scene.native_size) if scene.size.exceeds(scene.native_size) else sdxl


def _scene_checkpoint(scene: Scene, frames: Sequence[Frame]) -> CheckpointSpec:
    """Return the checkpoint that the scene names, with the size and number of its painting passes.

    Both decide whether compiling the model pays, and how much memory is needed.
    """
    from animator.diffusion.loading import CheckpointSpec
    from animator.render.detail import detail_pixels

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
    running |= {"calls": calls, "pixels": max(upscale.second_pass_pixels(scene), detail_pixels(scene))}
    return CheckpointSpec(base, folder, config, model.device, model.dtype, vae, **running)
