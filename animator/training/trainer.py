"""Training loop, and the folder that it resumes from: checkpoint, metrics and sample sheets.

The randomness of a step depends on its number alone, so a resumed run ends the same; a killed run leaves no partial
file.

settings.json            settings and photo hashes it was started with
checkpoint.safetensors   weights, optimizer and best weights after the step it names
metrics.jsonl            one line per step
samples/step-000100.png  sample sheet after that step
class/0000.png           class images
"""

from __future__ import annotations

import json
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers.optimization import get_scheduler
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from animator.diffusion.memory import OUT_OF_MEMORY
from animator.errors import ModelError, RunError
from animator.runs.atomic import write_atomic
from animator.training.adapters import TrainableAdapter
from animator.training.loss import TrainingObjective
from animator.training.settings import LearningOptions, TrainingSettings


@dataclass(frozen=True)
class Progress:
    """Progress of a training after a step."""

    step: int  # steps taken
    loss: float
    rate: float  # learning rate, as a share of the full one
    norm: float  # of the gradients, before clipping


class Trainer:
    """Training loop over numbered steps, with its optimizer and state."""

    def __init__(
        self, objective: TrainingObjective, adapter: TrainableAdapter, accelerator: Accelerator
    ) -> None:
        self.objective, self.adapter, self.accelerator = objective, adapter, accelerator
        self.learning = objective.settings.learning
        self.state = TrainingState()
        groups: dict[float, list[Any]] = {}
        for name, parameter in adapter.parameters.items():
            groups.setdefault(adapter.rate(name), []).append(parameter)
        self.rates = list(groups)
        self.optimizer = _make_optimizer(groups, self.learning)
        self.rate_share: Callable[[int], float] = get_scheduler(
            {"constant": "constant_with_warmup"}.get(self.learning.schedule, self.learning.schedule),
            self.optimizer,
            num_warmup_steps=self.learning.warmup,
            num_training_steps=self.learning.steps,
        ).lr_lambdas[0]

    def resume(self, state: TrainingState) -> None:
        """Continue from a checkpoint."""
        self.state = state
        device = self.objective.pipe.unet.device
        with torch.no_grad():
            for name, value in move_to_device(state.learnt, device).items():
                self.adapter.parameters[name].copy_(value)
        self.optimizer.load_state_dict(state.optimizer)

    def steps(self) -> Iterator[Progress]:
        """Take the remaining steps. Raises ModelError if memory runs out or the loss is not finite."""
        while self.state.step < self.learning.steps:
            try:
                progress = self._step(self.state.step)
            except RuntimeError as error:  # CUDA's OutOfMemoryError is one; the CPU has no class of its own
                if not OUT_OF_MEMORY.search(str(error)):
                    raise
                raise ModelError(
                    f"out of memory while training; {_memory_advice(self.objective.settings)}"
                ) from error
            self.state.step += 1
            yield progress

    def _step(self, step: int) -> Progress:
        # kohya and diffusers count warm-up from 1, too; from 0 the first step would have a rate of 0.
        share = self.rate_share(step + 1 if step < self.learning.warmup else step)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        torch.manual_seed(_derive_seed(self.learning.seed, step))  # for dropout
        total = 0.0
        for part in range(self.learning.accumulate):
            number = step * self.learning.accumulate + part
            shelves = [
                (self.objective.dataset, 1.0),
                (self.objective.prior, self.objective.settings.prior.weight),
            ]
            for place, (dataset, weight) in enumerate(shelves):
                if dataset is None:
                    continue
                random = torch.Generator("cpu").manual_seed(_derive_seed(self.learning.seed, number, place))
                with self.accelerator.autocast():
                    value = (
                        self.objective.loss(dataset.batch(number), random) * weight / self.learning.accumulate
                    )
                # One backward pass after the other: class images cost time, but no memory.
                self.accelerator.backward(value)
                total += float(value.detach())
        if not math.isfinite(total):
            raise ModelError(
                f"step {step + 1}: the loss is {total}; lower learning.rate, now {self.learning.rate:g}"
            )
        norm = self.accelerator.clip_grad_norm_(
            list(self.adapter.parameters.values()), self.learning.max_norm
        )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return Progress(step + 1, total, share, float(norm or 0.0))

    @torch.no_grad()
    def evaluate(self) -> float:
        """Return the loss on the held-out photos, always at the same noise, and keep the best weights so far."""
        dataset = self.objective.held_out
        assert dataset is not None
        self.objective.pipe.unet.eval()
        found = []
        for number in range(max(4, len(dataset.items))):
            random = torch.Generator("cpu").manual_seed(_derive_seed(self.learning.seed, number, 7))
            with self.accelerator.autocast():
                found.append(float(self.objective.loss(dataset.batch(number), random, unweighted=True)))
        self.objective.pipe.unet.train()
        value = float(np.mean(found))
        if value < self.state.best_loss:
            self.state.best_loss, self.state.best_step = value, self.state.step
            self.state.best = self.adapter.weights()
        return value

    def checkpoint_state(self) -> TrainingState:
        """Return the state to save as a checkpoint."""
        self.state.learnt = {name: value.detach() for name, value in self.adapter.parameters.items()}
        self.state.optimizer = self.optimizer.state_dict()
        return self.state


def _derive_seed(*parts: int) -> int:
    """Return a seed that is different for every combination of numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _make_optimizer(groups: dict[float, list[Any]], learning: LearningOptions) -> torch.optim.Optimizer:
    wanted = [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]
    if learning.optimizer == "adamw":
        return torch.optim.AdamW(wanted, weight_decay=learning.weight_decay)
    try:
        import bitsandbytes
    except ImportError as error:
        raise ModelError(
            "learning.optimizer adamw8bit needs bitsandbytes: pip install bitsandbytes, or write adamw"
        ) from error
    eight_bit: torch.optim.Optimizer = bitsandbytes.optim.AdamW8bit(
        wanted, weight_decay=learning.weight_decay
    )
    return eight_bit


def _memory_advice(settings: TrainingSettings) -> str:
    """Return advice on the setting to change first when memory runs out."""
    learning = settings.learning
    if learning.batch > 1:
        return f"lower learning.batch, now {learning.batch} (and raise learning.accumulate instead)"
    if not learning.checkpointing:
        return "set learning.checkpointing to true"
    if settings.network.text_encoders:
        return "set network.text_encoders to false"
    if learning.optimizer == "adamw":
        return "set learning.optimizer to adamw8bit, or lower data.resolution"
    return f"lower data.resolution, now {settings.resolution}"


@contextmanager
def defer_signals() -> Iterator[Callable[[], bool]]:
    """Defer SIGINT and SIGTERM; yield a function that returns True once one came. A second one is not deferred."""
    came = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signature of a handler)
        if came.is_set():
            raise KeyboardInterrupt
        came.set()

    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


CHANGEABLE_SECTIONS = ("watch", "file")  # settings that may change when a training is resumed


@dataclass
class TrainingState:
    """State of a training, as saved in a checkpoint."""

    step: int = 0  # steps taken
    learnt: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)  # torch's state_dict
    best: dict[str, Tensor] = field(default_factory=dict)  # weights with the lowest held-out loss
    best_step: int = 0
    best_loss: float = float("inf")


class TrainingFolder:
    """The folder of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.safetensors"
        self.metrics = path / "metrics.jsonl"

    def open(
        self, settings: TrainingSettings, photos: Mapping[str, str], resume: bool
    ) -> TrainingState | None:
        """Open the folder for these settings and photos (name → hash); return the state to resume from, or None.

        Raises RunError if the folder holds a training that is not to be resumed, or one of other settings or photos.
        """
        record = {"settings": settings.to_dict(), "pictures": dict(photos)}
        file = self.path / "settings.json"
        if self.checkpoint.exists() and not resume:
            raise RunError(
                f"{self.path} contains a training; continue it with --resume, or name another file with -o"
            )
        if resume and not self.checkpoint.exists():
            raise RunError(f"{self.path} contains no training to resume; start one without --resume")
        if resume:
            before = json.loads(file.read_text(encoding="utf8"))
            changed = _changed_settings(before, record)
            if changed:
                raise RunError(
                    f"{self.path} was trained with other {changed}; restore them to use --resume, or leave it out"
                )
        try:
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
            write_atomic(file, json.dumps(record, indent=1, ensure_ascii=False).encode("utf8"))
            state = self._load() if resume else None
            self._drop_metrics_after(state.step if state else 0)
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}") from error
        return state

    def save(self, state: TrainingState) -> None:
        """Replace the checkpoint by `state`, atomically."""
        tensors = {f"learnt.{name}": value for name, value in state.learnt.items()}
        tensors |= {f"best.{name}": value for name, value in state.best.items()}
        plain: dict[str, dict[str, Any]] = {}
        for number, moments in state.optimizer.get("state", {}).items():
            for key, value in moments.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{number}.{key}"] = value
                else:
                    plain.setdefault(str(number), {})[key] = value
        record = {
            "step": state.step,
            "best_step": state.best_step,
            "best_loss": state.best_loss,
            "groups": state.optimizer.get("param_groups", []),
            "plain": plain,
        }
        whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        write_atomic(self.checkpoint, save(whole, {"state": json.dumps(record)}))

    def _load(self) -> TrainingState:
        try:
            with safe_open(self.checkpoint, framework="pt") as opened:
                record = json.loads(opened.metadata()["state"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.checkpoint} is not a checkpoint of a training: {error}") from error
        moments: dict[int, dict[str, Any]] = {int(n): dict(values) for n, values in record["plain"].items()}
        parts: dict[str, dict[str, Tensor]] = {"learnt": {}, "best": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            if part == "optimizer":
                number, _, key = rest.partition(".")
                moments.setdefault(int(number), {})[key] = value
            else:
                parts[part][rest] = value
        optimizer = {"state": moments, "param_groups": record["groups"]}
        return TrainingState(
            record["step"],
            parts["learnt"],
            optimizer,
            parts["best"],
            record["best_step"],
            record["best_loss"],
        )

    def _drop_metrics_after(self, step: int) -> None:
        """Drop the metrics of steps after the checkpoint, as they are taken again."""
        if self.metrics.exists():
            lines = [line for line in self.metrics.read_bytes().split(b"\n") if line]
            write_atomic(
                self.metrics, b"".join(line + b"\n" for line in lines if _metrics_step(line) <= step)
            )

    def log(self, facts: Mapping[str, Any]) -> None:
        """Append `facts` to the metrics as one line of JSON."""
        with self.metrics.open("a", encoding="utf8") as file:
            file.write(json.dumps(dict(facts)) + "\n")


def _metrics_step(line: bytes) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # incomplete last line of a killed run
        return float("inf")


def _changed_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the settings that differ between two trainings, at most 5, '' if a resume is allowed."""
    old, new = (_flatten(json.loads(json.dumps(record["settings"]))) for record in (before, after))
    names = [
        n
        for n in sorted({*old, *new})
        if n.split(".")[0] not in CHANGEABLE_SECTIONS and old.get(n) != new.get(n)
    ]
    if before["pictures"] != after["pictures"]:
        names.append("photos")
    return ", ".join(names[:5])


def _flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def move_to_device(state: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return the tensors, moved to a device."""
    return {name: value.to(device) for name, value in state.items()}
