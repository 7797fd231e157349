"""Load the painter of a scene: SDXL with the models that the schedule names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from animator.frame import Frame
from animator.models import nano, samplers
from animator.render import control as controlling
from animator.render import device as residing
from animator.render import grading, masking
from animator.render import upscale as upscaling
from animator.render.loop import Paint
from animator.render.start import FromPicture
from animator.scene import model_checks as whereabouts
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.timeline.lora_notes import unheard
from animator.timeline.scalings import scalings

if TYPE_CHECKING:
    from animator.diffusion.loading import Checkpoint

logger = logging.getLogger(__name__)


def painter(scene: Scene) -> Paint:
    """Return the scene's painter: SDXL, loaded, with hires fix and the start image where the scene needs them.

    Logs a note for each LoRA whose trigger words no prompt contains. Raises ModelError, SceneError.
    """
    from animator.diffusion import builds

    whereabouts.check(scene)
    builds.check()
    from animator.diffusion.sdxl import Sdxl
    from animator.render.painter import Hires

    model, frames = scene.settings.model, timeline(scene)
    loras = {
        name: scene.file(("model", "loras", name, "file"), lora.file) for name, lora in model.loras.items()
    }
    words = {word: scene.file(("model", "embeddings", word), file) for word, file in model.embeddings.items()}
    for note in unheard(scene, frames):
        logger.info("note: %s", note)
    first = grading.start_picture(scene)  # before the model, so that an unreadable file is reported at once
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
    running |= {"calls": calls, "pixels": max(upscaling.largest(scene), masking.closest(scene))}
    return Checkpoint(base, folder, config, model.device, model.dtype, vae, **running)
