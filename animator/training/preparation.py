"""Prepare a training: load the base model and compute everything that is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from animator.diffusion.loading import Checkpoint, device_for, dtype_for, load_pipeline
from animator.errors import Place, Problem, SceneError
from animator.models import nano
from animator.training import dataset, loss, samples
from animator.training.adapters import Learner, Lora
from animator.training.export import Facts, base_hash
from animator.training.inversion import Word
from animator.training.lesson import Lesson
from animator.training.photos import survey
from animator.training.pictures import Photo
from animator.training.settings import Settings
from animator.training.words import Words


def base_of(settings: Settings) -> str:
    """Return the base model as a path or hub id that the loaders accept."""
    return str(nano.folder()) if settings.model.base == "nano" else settings.model.base


def prepared(
    photos: Sequence[Photo], settings: Settings, class_folder: Path
) -> tuple[Any, Lesson, Learner, Facts]:
    """Return the pipeline, the training objective, the trainable adapter and the facts for the file's metadata.

    Class images are painted into `class_folder` where they are missing. Raises ModelError, SceneError.
    """
    found = survey(photos, settings)
    captions = [_caption(photo, settings) for photo in photos]
    views = list(zip(found.views, captions, strict=True))
    apart = _apart(len(views), settings)
    pipe = opened(settings)
    torch.manual_seed(settings.learning.seed)  # peft initialises weights from torch's global generator
    data, learning = settings.data, settings.learning
    before = Words(pipe, live=False)
    class_views = samples.class_views(pipe, before, settings, class_folder)
    torch.manual_seed(settings.learning.seed)
    learner: Learner = Lora(pipe, settings) if settings.method == "lora" else Word(pipe, settings)
    words = Words(pipe, learner.live)
    learnt = dataset.encode(pipe, [v for i, v in enumerate(views) if i not in apart], data.outside, data.flip)
    judged = dataset.encode(pipe, [v for i, v in enumerate(views) if i in apart], data.outside)
    prior = dataset.encode(pipe, class_views, 1.0)
    lesson = Lesson(
        pipe,
        words,
        loss.noises(pipe.scheduler.config),
        dataset.Shelf(learnt, learning.batch, learning.seed),
        dataset.Shelf(prior, learning.batch, learning.seed + 1) if prior else None,
        dataset.Shelf(judged, 1, 0) if judged else None,
        settings,
    )
    _lighten(pipe, words, lesson, settings)
    facts = Facts(
        captions,
        [view.image.shape[:2] for view in found.views],
        pipe.scheduler.config.prediction_type,
        base_hash(Path(base_of(settings))),
        0,
    )
    return pipe, lesson, learner, facts


def opened(settings: Settings) -> Any:
    """Load the base model onto its device. Raises ModelError."""
    model = settings.model
    device = device_for(model.device)
    config = None if model.config is None else Path(model.config)
    source = Checkpoint(base_of(settings), Path(), config, model.device, model.dtype)
    return load_pipeline(source, device, numbers_of(settings, device))


def numbers_of(settings: Settings, device: torch.device) -> torch.dtype:
    """Return the dtype of the frozen model: float16 becomes float32, as its range is too small for training."""
    wanted = dtype_for(settings.model.dtype, device)
    return torch.float32 if wanted == torch.float16 else wanted


def _lighten(pipe: Any, words: Words, lesson: Lesson, settings: Settings) -> None:
    """Encode all texts that training needs, then move the parts it no longer needs off the GPU."""
    texts = {
        item.caption
        for shelf in (lesson.shelf, lesson.prior, lesson.held_out)
        if shelf
        for item in shelf.items
    }
    words.encode([*sorted(texts), *settings.sample_prompts, ""])
    if pipe.unet.device.type != "cpu":
        pipe.vae.to("cpu")
        if not words.live:
            pipe.text_encoder.to("cpu")
            pipe.text_encoder_2.to("cpu")
        torch.cuda.empty_cache()
        if settings.learning.checkpointing:
            pipe.unet.enable_gradient_checkpointing()
    pipe.unet.train()


def _caption(photo: Photo, settings: Settings) -> str:
    if settings.data.captions == "token" or photo.caption is None:
        return settings.caption
    return photo.caption.replace("{token}", settings.token)


def _apart(count: int, settings: Settings) -> set[int]:
    """Return the indices of held-out photos, evenly spread, as a folder is often in shooting order."""
    wanted = settings.data.held_out
    if wanted >= count:
        message = f"data.held_out: {wanted} of {count} photos leaves none to train on"
        raise SceneError([Problem(Place("the settings"), (), message)])
    return {int((place + 0.5) * count / wanted) for place in range(wanted)}
