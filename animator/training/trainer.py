"""Training loop. The randomness of a step depends on its number alone, so a resumed run ends the same."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers.optimization import get_scheduler

from animator.diffusion.memory import OUT_OF_MEMORY
from animator.errors import ModelError
from animator.training.adapters import Learner
from animator.training.lesson import Lesson
from animator.training.saved import State, moved
from animator.training.settings import Learning, Settings


@dataclass(frozen=True)
class Progress:
    """Progress of a training after a step."""

    step: int  # steps taken
    loss: float
    rate: float  # learning rate, as a share of the full one
    norm: float  # of the gradients, before clipping


class Course:
    """Training loop over numbered steps, with its optimizer and state."""

    def __init__(self, lesson: Lesson, learner: Learner, accelerator: Accelerator) -> None:
        self.lesson, self.learner, self.accelerator = lesson, learner, accelerator
        self.learning = lesson.settings.learning
        self.state = State()
        groups: dict[float, list[Any]] = {}
        for name, parameter in learner.parameters.items():
            groups.setdefault(learner.rate(name), []).append(parameter)
        self.rates = list(groups)
        self.optimizer = _optimizer(groups, self.learning)
        self.share: Callable[[int], float] = get_scheduler(
            {"constant": "constant_with_warmup"}.get(self.learning.schedule, self.learning.schedule),
            self.optimizer,
            num_warmup_steps=self.learning.warmup,
            num_training_steps=self.learning.steps,
        ).lr_lambdas[0]

    def resume(self, state: State) -> None:
        """Continue from a checkpoint."""
        self.state = state
        device = self.lesson.pipe.unet.device
        with torch.no_grad():
            for name, value in moved(state.learnt, device).items():
                self.learner.parameters[name].copy_(value)
        self.optimizer.load_state_dict(state.optimizer)

    def steps(self) -> Iterator[Progress]:
        """Take the remaining steps. Raises ModelError if memory runs out or the loss is not finite."""
        while self.state.step < self.learning.steps:
            try:
                progress = self._step(self.state.step)
            except RuntimeError as error:  # CUDA's OutOfMemoryError is one; the CPU has no class of its own
                if not OUT_OF_MEMORY.search(str(error)):
                    raise
                raise ModelError(f"out of memory while training; {_remedy(self.lesson.settings)}") from error
            self.state.step += 1
            yield progress

    def _step(self, step: int) -> Progress:
        # kohya and diffusers count warm-up from 1, too; from 0 the first step would have a rate of 0.
        share = self.share(step + 1 if step < self.learning.warmup else step)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        torch.manual_seed(_number(self.learning.seed, step))  # for dropout
        total = 0.0
        for part in range(self.learning.accumulate):
            number = step * self.learning.accumulate + part
            shelves = [(self.lesson.shelf, 1.0), (self.lesson.prior, self.lesson.settings.prior.weight)]
            for place, (shelf, weight) in enumerate(shelves):
                if shelf is None:
                    continue
                random = torch.Generator("cpu").manual_seed(_number(self.learning.seed, number, place))
                with self.accelerator.autocast():
                    value = self.lesson.loss(shelf.batch(number), random) * weight / self.learning.accumulate
                # One backward pass after the other: class images cost time, but no memory.
                self.accelerator.backward(value)
                total += float(value.detach())
        if not math.isfinite(total):
            raise ModelError(
                f"step {step + 1}: the loss is {total}; lower learning.rate, now {self.learning.rate:g}"
            )
        norm = self.accelerator.clip_grad_norm_(
            list(self.learner.parameters.values()), self.learning.max_norm
        )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return Progress(step + 1, total, share, float(norm or 0.0))

    @torch.no_grad()
    def judged(self) -> float:
        """Return the loss on the held-out photos, always at the same noise, and keep the best weights so far."""
        shelf = self.lesson.held_out
        assert shelf is not None
        self.lesson.pipe.unet.eval()
        found = []
        for number in range(max(4, len(shelf.items))):
            random = torch.Generator("cpu").manual_seed(_number(self.learning.seed, number, 7))
            with self.accelerator.autocast():
                found.append(float(self.lesson.loss(shelf.batch(number), random, plain=True)))
        self.lesson.pipe.unet.train()
        value = float(np.mean(found))
        if value < self.state.best_loss:
            self.state.best_loss, self.state.best_step = value, self.state.step
            self.state.best = self.learner.weights()
        return value

    def saved(self) -> State:
        """Return the state to save as a checkpoint."""
        self.state.learnt = {name: value.detach() for name, value in self.learner.parameters.items()}
        self.state.optimizer = self.optimizer.state_dict()
        return self.state


def _number(*parts: int) -> int:
    """Return a seed that is different for every combination of numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _optimizer(groups: dict[float, list[Any]], learning: Learning) -> torch.optim.Optimizer:
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


def _remedy(settings: Settings) -> str:
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
def patient() -> Iterator[Callable[[], bool]]:
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
