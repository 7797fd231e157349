"""Run a training from its photos to the file it writes: preparation, sample sheets, class images."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from PIL import Image as Pillow

from animator.diffusion.loading import CheckpointSpec, device_for, dtype_for, load_pipeline
from animator.errors import Place, Problem, RunError, SceneError
from animator.frame import Image
from animator.imaging.io import open_image
from animator.models import nano
from animator.runs.atomic import draft_file
from animator.training import dataset, loss
from animator.training.adapters import InversionAdapter, LoraAdapter, TrainableAdapter
from animator.training.dataset import CaptionEncoder
from animator.training.export import TrainingFacts, adapter_metadata, base_hash, write_adapter
from animator.training.loss import TrainingObjective
from animator.training.photos import Crop, Photo, survey_photos
from animator.training.settings import TrainingSettings
from animator.training.trainer import Progress, Trainer, TrainingFolder, defer_signals


@dataclass(frozen=True)
class StepReport:
    """Results of one step, with the held-out loss and the sample sheet if they were made after it."""

    step: int
    steps: int
    loss: float
    rate: float  # learning rate of the UNet, or of the vectors
    norm: float
    seconds: float  # since this session began
    held_out: float | None = None
    sheet: Path | None = None


def training_folder(out: Path) -> Path:
    """Return the folder of a training's checkpoints, beside the file `out` that it writes."""
    return out.with_suffix(".training")


def train(
    photos: Sequence[Photo], settings: TrainingSettings, out: Path, resume: bool = False
) -> Iterator[StepReport]:
    """Train on `photos` and write the file `out`; yield a report after each step.

    Checkpoints and metrics are kept in `training_folder(out)`; with `resume`, training continues from its checkpoint.
    Raises AnimatorError, and KeyboardInterrupt after a signal, once a checkpoint has been saved.
    """
    if out.suffix != ".safetensors":
        raise RunError(
            f"{out}: only .safetensors files can be written; use -o {out.with_suffix('.safetensors')}"
        )
    if out.exists() and not resume:
        raise RunError(f"{out} exists already; name another file with -o, or remove it")
    folder = TrainingFolder(training_folder(out))
    state = folder.open(settings, _photo_hashes(photos), resume)
    pipe, objective, learner, facts = prepare(photos, settings, folder.path / "class")
    trainer = Trainer(objective, learner, make_accelerator(pipe))
    if state is not None:
        trainer.resume(state)
    began = time.monotonic()
    board = _tensorboard_logger(folder.path)
    with defer_signals() as interrupted:
        for progress in trainer.steps():
            stop = (
                interrupted()
            )  # asked once: a signal that comes later ends the next step, which is then saved
            report = _report_step(trainer, folder, progress, began, stop)
            folder.log(
                {key: value for key, value in vars(report).items() if key != "sheet" and value is not None}
            )
            board(report)
            yield report
            if stop:
                raise KeyboardInterrupt
    _write_result(trainer, learner, out, replace(facts, steps=trainer.state.step), pipe)


def _report_step(
    trainer: Trainer, folder: TrainingFolder, progress: Progress, began: float, interrupted: bool
) -> StepReport:
    """Report a step; every `watch.every` steps and at the end, also evaluate, save a checkpoint and paint a sheet."""
    objective, step = trainer.objective, progress.step
    settings = objective.settings
    due = step % settings.watch.every == 0 or step == settings.learning.steps
    held_out = trainer.evaluate() if due and objective.held_out is not None else None
    if due or interrupted:
        folder.save(trainer.checkpoint_state())
    sheet = None
    if due and settings.watch.sheets:
        file = folder.path / "samples" / f"step-{step:06}.png"
        sheet = paint_sample_sheet(objective.pipe, objective.captions, settings, file)
    rate = settings.learning.rate * progress.rate
    seconds = round(time.monotonic() - began, 3)
    return StepReport(
        step, settings.learning.steps, progress.loss, rate, progress.norm, seconds, held_out, sheet
    )


def make_accelerator(pipe: Any) -> Accelerator:
    """Return an Accelerator with the mixed precision that fits the UNet's dtype."""
    AcceleratorState._reset_state(
        reset_partial_state=True
    )  # an earlier training in this process may have set it
    precision = "bf16" if pipe.unet.dtype == torch.bfloat16 else "no"
    return Accelerator(mixed_precision=precision, cpu=pipe.unet.device.type == "cpu")


def _photo_hashes(photos: Sequence[Photo]) -> dict[str, str]:
    """Return a hash of each photo with its mask and caption, by file name, to compare when resuming."""
    found = {}
    for photo in photos:
        digest = hashlib.sha256(photo.image.tobytes())
        digest.update(b"" if photo.mask is None else photo.mask.tobytes())
        digest.update((photo.caption or "").encode())
        found[photo.file.name] = digest.hexdigest()[:16]
    return found


def _tensorboard_logger(folder: Path) -> Any:
    """Return a function that logs a report to TensorBoard; it does nothing if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda report: None  # noqa: ARG005
    writer = SummaryWriter(str(folder / "tensorboard"))

    def add(report: StepReport) -> None:
        for name in ("loss", "rate", "norm", "held_out"):
            if getattr(report, name) is not None:
                writer.add_scalar(name, getattr(report, name), report.step)
        writer.flush()

    return add


def _write_result(
    trainer: Trainer, learner: TrainableAdapter, out: Path, facts: TrainingFacts, pipe: Any
) -> None:
    """Write the file: the weights of the lowest held-out loss if there are any, else the last ones."""
    settings, state = trainer.objective.settings, trainer.state
    best = settings.file.weights == "best" and bool(state.best)
    weights = state.best if best else learner.weights()
    metadata = adapter_metadata(
        settings, replace(facts, steps=state.best_step if best else facts.steps), out.stem
    )
    kohya = settings.file.format == "kohya" and settings.method == "lora"
    write_adapter(
        out, weights, metadata, settings.file.dtype, pipe.unet.config.layers_per_block if kohya else 0
    )


def base_model(settings: TrainingSettings) -> str:
    """Return the base model as a path or hub id that the loaders accept."""
    return str(nano.weights_folder()) if settings.model.base == "nano" else settings.model.base


def prepare(
    photos: Sequence[Photo], settings: TrainingSettings, class_folder: Path
) -> tuple[Any, TrainingObjective, TrainableAdapter, TrainingFacts]:
    """Return the pipeline, the training objective, the trainable adapter and the facts for the file's metadata.

    Class images are painted into `class_folder` where they are missing. Raises ModelError, SceneError.
    """
    found = survey_photos(photos, settings)
    captions = [_photo_caption(photo, settings) for photo in photos]
    views = list(zip(found.views, captions, strict=True))
    apart = _held_out_indices(len(views), settings)
    pipe = load_base(settings)
    torch.manual_seed(settings.learning.seed)  # peft initialises weights from torch's global generator
    data, learning = settings.data, settings.learning
    before = CaptionEncoder(pipe, trainable=False)
    class_views = paint_class_images(pipe, before, settings, class_folder)
    torch.manual_seed(settings.learning.seed)
    learner: TrainableAdapter = (
        LoraAdapter(pipe, settings) if settings.method == "lora" else InversionAdapter(pipe, settings)
    )
    words = CaptionEncoder(pipe, learner.trains_text_encoders)
    learnt = dataset.encode_photos(
        pipe, [v for i, v in enumerate(views) if i not in apart], data.outside, data.flip
    )
    judged = dataset.encode_photos(pipe, [v for i, v in enumerate(views) if i in apart], data.outside)
    prior = dataset.encode_photos(pipe, class_views, 1.0)
    objective = TrainingObjective(
        pipe,
        words,
        loss.noise_scheduler(pipe.scheduler.config),
        dataset.LatentDataset(learnt, learning.batch, learning.seed),
        dataset.LatentDataset(prior, learning.batch, learning.seed + 1) if prior else None,
        dataset.LatentDataset(judged, 1, 0) if judged else None,
        settings,
    )
    _free_memory(pipe, words, objective, settings)
    facts = TrainingFacts(
        captions,
        [view.image.shape[:2] for view in found.views],
        pipe.scheduler.config.prediction_type,
        base_hash(Path(base_model(settings))),
        0,
    )
    return pipe, objective, learner, facts


def load_base(settings: TrainingSettings) -> Any:
    """Load the base model onto its device. Raises ModelError."""
    model = settings.model
    device = device_for(model.device)
    config = None if model.config is None else Path(model.config)
    source = CheckpointSpec(base_model(settings), Path(), config, model.device, model.dtype)
    return load_pipeline(source, training_dtype(settings, device)).to(device)


def training_dtype(settings: TrainingSettings, device: torch.device) -> torch.dtype:
    """Return the dtype of the frozen model: float16 becomes float32, as its range is too small for training."""
    wanted = dtype_for(settings.model.dtype, device)
    return torch.float32 if wanted == torch.float16 else wanted


def _free_memory(
    pipe: Any, words: CaptionEncoder, objective: TrainingObjective, settings: TrainingSettings
) -> None:
    """Encode all texts that training needs, then move the parts it no longer needs off the GPU."""
    texts = {
        item.caption
        for dataset in (objective.dataset, objective.prior, objective.held_out)
        if dataset
        for item in dataset.items
    }
    words.encode([*sorted(texts), *settings.sample_prompts, ""])
    if pipe.unet.device.type != "cpu":
        pipe.vae.to("cpu")
        if not words.trainable:
            pipe.text_encoder.to("cpu")
            pipe.text_encoder_2.to("cpu")
        torch.cuda.empty_cache()
        if settings.learning.checkpointing:
            pipe.unet.enable_gradient_checkpointing()
    pipe.unet.train()


def _photo_caption(photo: Photo, settings: TrainingSettings) -> str:
    if settings.data.captions == "token" or photo.caption is None:
        return settings.caption
    return photo.caption.replace("{token}", settings.token)


def _held_out_indices(count: int, settings: TrainingSettings) -> set[int]:
    """Return the indices of held-out photos, evenly spread, as a folder is often in shooting order."""
    wanted = settings.data.held_out
    if wanted >= count:
        message = f"data.held_out: {wanted} of {count} photos leaves none to train on"
        raise SceneError([Problem(Place("the settings"), (), message)])
    return {int((place + 0.5) * count / wanted) for place in range(wanted)}


@contextmanager
def _evaluation_mode(pipe: Any, device: torch.device) -> Iterator[None]:
    """Put the whole model on the device in evaluation mode, and restore it afterwards."""
    places = {name: getattr(pipe, name).device for name in ("vae", "text_encoder", "text_encoder_2")}
    learning = pipe.unet.training
    pipe.unet.eval()
    for name in places:
        getattr(pipe, name).to(device)
    try:
        yield
    finally:
        pipe.unet.train(learning)
        for name, place in places.items():
            getattr(pipe, name).to(place)


@torch.no_grad()
def paint_images(
    pipe: Any,
    words: CaptionEncoder,
    prompts: Sequence[str],
    seeds: Sequence[int],
    size: int,
    steps: int,
    guidance: float,
) -> Iterator[Image]:
    """Yield one image (size, size, 3), uint8 RGB, per prompt and seed; size in whole steps of the VAE."""
    device = pipe.unet.device
    side = size // pipe.vae_scale_factor * pipe.vae_scale_factor
    with _evaluation_mode(pipe, device):
        for prompt, seed in zip(prompts, seeds, strict=True):
            tokens, pooled = words.encode([prompt])
            with torch.autocast(device.type, torch.bfloat16, enabled=pipe.unet.dtype == torch.bfloat16):
                made = pipe(
                    prompt_embeds=tokens,
                    pooled_prompt_embeds=pooled,
                    negative_prompt_embeds=torch.zeros_like(tokens),
                    negative_pooled_prompt_embeds=torch.zeros_like(pooled),
                    height=side,
                    width=side,
                    num_inference_steps=steps,
                    guidance_scale=guidance,
                    generator=torch.Generator("cpu").manual_seed(seed),
                    output_type="np",
                ).images[0]
            yield np.rint(np.nan_to_num(made) * 255).astype(np.uint8)


def paint_sample_sheet(pipe: Any, words: CaptionEncoder, settings: TrainingSettings, file: Path) -> Path:
    """Paint the sample prompts, each at the same seed, side by side into `file`."""
    prompts, watch = settings.sample_prompts, settings.watch
    seeds = [watch.seed] * len(prompts)
    images = list(
        paint_images(pipe, words, prompts, seeds, settings.resolution, watch.steps, watch.guidance_scale)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    with draft_file(file) as draft:
        Pillow.fromarray(np.concatenate(images, axis=1)).save(draft, "PNG")
    return file


def paint_class_images(
    pipe: Any, words: CaptionEncoder, settings: TrainingSettings, folder: Path
) -> list[tuple[Crop, str]]:
    """Return the class images with their prompts; the untrained model paints those missing in `folder`."""
    prior, size = settings.prior, settings.resolution
    prompts = [settings.class_prompts[i % len(settings.class_prompts)] for i in range(prior.pictures)]
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:04}.png" for number in range(prior.pictures)]
    missing = [number for number, file in enumerate(files) if not file.exists()]
    seeds = [settings.learning.seed + 1 + number for number in missing]
    asked = [prompts[number] for number in missing]
    for number, image in zip(
        missing, paint_images(pipe, words, asked, seeds, size, prior.steps, prior.guidance_scale), strict=True
    ):
        with draft_file(files[number]) as draft:
            Pillow.fromarray(image).save(draft, "PNG")
    views = []
    for file, prompt in zip(files, prompts, strict=True):
        with open_image(file, ("PNG",)) as opened:
            image = np.array(opened.convert("RGB"))
        height, width = image.shape[:2]
        views.append((Crop(image, None, 1.0, (height, width, 0, 0, height, width)), prompt))
    return views
