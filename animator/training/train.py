"""Run a training from its photos to the file it writes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from animator.errors import RunError
from animator.training import samples
from animator.training.adapters import Learner
from animator.training.export import Facts, header
from animator.training.files import write
from animator.training.pictures import Photo
from animator.training.preparation import prepared
from animator.training.saved import Folder
from animator.training.settings import Settings
from animator.training.trainer import Course, Progress, patient


@dataclass(frozen=True)
class Report:
    """Results of one step, with the held-out loss and the sample sheet if they were made after it."""

    step: int
    steps: int
    loss: float
    rate: float  # learning rate of the UNet, or of the vectors
    norm: float
    seconds: float  # since this session began
    held_out: float | None = None
    sheet: Path | None = None


def folder_of(out: Path) -> Path:
    """Return the folder of a training's checkpoints, beside the file `out` that it writes."""
    return out.with_suffix(".training")


def train(photos: Sequence[Photo], settings: Settings, out: Path, resume: bool = False) -> Iterator[Report]:
    """Train on `photos` and write the file `out`; yield a report after each step.

    Checkpoints and metrics are kept in `folder_of(out)`; with `resume`, training continues from its checkpoint.
    Raises AnimatorError, and KeyboardInterrupt after a signal, once a checkpoint has been saved.
    """
    if out.suffix != ".safetensors":
        raise RunError(
            f"{out}: only .safetensors files can be written; use -o {out.with_suffix('.safetensors')}"
        )
    if out.exists() and not resume:
        raise RunError(f"{out} exists already; name another file with -o, or remove it")
    folder = Folder(folder_of(out))
    state = folder.begin(settings, _hashes(photos), resume)
    pipe, lesson, learner, facts = prepared(photos, settings, folder.path / "class")
    course = Course(lesson, learner, accelerator(pipe))
    if state is not None:
        course.resume(state)
    began = time.monotonic()
    board = _board(folder.path)
    with patient() as interrupted:
        for progress in course.steps():
            report = _looked(course, folder, progress, began, interrupted())
            folder.log(
                {key: value for key, value in vars(report).items() if key != "sheet" and value is not None}
            )
            board(report)
            yield report
            if interrupted():
                raise KeyboardInterrupt
    _write(course, learner, out, replace(facts, steps=course.state.step), pipe)


def _looked(course: Course, folder: Folder, progress: Progress, began: float, interrupted: bool) -> Report:
    """Report a step; every `watch.every` steps and at the end, also evaluate, save a checkpoint and paint a sheet."""
    lesson, step = course.lesson, progress.step
    settings = lesson.settings
    due = step % settings.watch.every == 0 or step == settings.learning.steps
    held_out = course.judged() if due and lesson.held_out is not None else None
    if due or interrupted:
        folder.save(course.saved())
    sheet = None
    if due and settings.watch.sheets:
        file = folder.path / "samples" / f"step-{step:06}.png"
        sheet = samples.sheet(lesson.pipe, lesson.words, settings, file)
    rate = settings.learning.rate * progress.rate
    seconds = round(time.monotonic() - began, 3)
    return Report(step, settings.learning.steps, progress.loss, rate, progress.norm, seconds, held_out, sheet)


def accelerator(pipe: Any) -> Accelerator:
    """Return an Accelerator with the mixed precision that fits the UNet's dtype."""
    AcceleratorState._reset_state(
        reset_partial_state=True
    )  # an earlier training in this process may have set it
    precision = "bf16" if pipe.unet.dtype == torch.bfloat16 else "no"
    return Accelerator(mixed_precision=precision, cpu=pipe.unet.device.type == "cpu")


def _hashes(photos: Sequence[Photo]) -> dict[str, str]:
    """Return a hash of each photo with its mask and caption, by file name, to compare when resuming."""
    found = {}
    for photo in photos:
        digest = hashlib.sha256(photo.image.tobytes())
        digest.update(b"" if photo.mask is None else photo.mask.tobytes())
        digest.update((photo.caption or "").encode())
        found[photo.file.name] = digest.hexdigest()[:16]
    return found


def _board(folder: Path) -> Any:
    """Return a function that logs a report to TensorBoard; it does nothing if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda report: None  # noqa: ARG005
    writer = SummaryWriter(str(folder / "tensorboard"))

    def add(report: Report) -> None:
        for name in ("loss", "rate", "norm", "held_out"):
            if getattr(report, name) is not None:
                writer.add_scalar(name, getattr(report, name), report.step)
        writer.flush()

    return add


def _write(course: Course, learner: Learner, out: Path, facts: Facts, pipe: Any) -> None:
    """Write the file: the weights of the lowest held-out loss if there are any, else the last ones."""
    settings, state = course.lesson.settings, course.state
    best = settings.file.weights == "best" and bool(state.best)
    weights = state.best if best else learner.weights()
    told = header(settings, replace(facts, steps=state.best_step if best else facts.steps), out.stem)
    kohya = settings.file.format == "kohya" and settings.method == "lora"
    write(out, weights, told, settings.file.dtype, pipe.unet.config.layers_per_block if kohya else 0)
