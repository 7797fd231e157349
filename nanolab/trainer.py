"""The training loop of all stages, with a learning-rate plan, a moving average and checkpoints.

Random numbers depend on the step alone, so that an interrupted run continues with the same steps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from nanolab.dataset import write_stream_atomic


@dataclass(frozen=True)
class TrainingPlan:
    """Length of a training, its learning rate, and how often it saves and logs."""

    steps: int
    warm: int = 50  # steps from zero to the full rate
    flat: float = 0.35  # share of the steps at the full rate, which then falls linearly
    floor: float = 0.03  # share of the full rate at the end
    average: float = 0.998  # decay of the moving average of the weights, per step
    save_every: float = 150.0  # seconds between checkpoints
    log_every: int = 5  # steps

    def rate(self, step: int) -> float:
        """Return the learning rate at a step, as a share of the full rate."""
        if step < self.warm:
            return (step + 1) / self.warm
        down = max(step / self.steps - self.flat, 0.0) / (1.0 - self.flat)
        return 1.0 - (1.0 - self.floor) * min(down, 1.0)


class TrainingTask(Protocol):
    """Model, optimizers and loss that a stage gives to the training loop."""

    @property
    def model(self) -> nn.Module:
        """Model whose weights are trained, averaged and saved."""

    optimizers: list[torch.optim.Optimizer]

    def loss(self, step: int) -> Tensor:
        """Return the loss of one step; its random numbers depend on `step` alone."""


class Muon(torch.optim.Optimizer):
    """Muon optimizer (momentum with orthogonalised updates, Jordan 2024), here for convolution kernels."""

    def __init__(self, params: list[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 (torch's shape)
        """Update the parameters from their gradients."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                speed = state.setdefault("speed", torch.zeros_like(param))
                speed.lerp_(param.grad, 1 - group["momentum"])
                update = orthogonalize(param.grad.lerp(speed, group["momentum"]).flatten(1))
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                param.add_(update.view_as(param), alpha=-group["lr"] * scale)


def orthogonalize(matrix: Tensor) -> Tensor:
    """Return the nearest matrix (m, n) whose singular values are about one, by five Newton-Schulz steps."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    made: Tensor = x.mT if tall else x
    return made


class WeightAverage:
    """Exponential moving average of a model's weights."""

    def __init__(self, model: nn.Module) -> None:
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, decay: float) -> None:
        """Move the average towards the model's weights."""
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)


@dataclass(frozen=True)
class StepProgress:
    """Progress of a training after a step."""

    step: int
    loss: float  # smoothed
    seconds: float  # since this run began


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's weights."""
    return next(model.parameters()).device


def _save_checkpoint(path: Path, task: TrainingTask, average: WeightAverage, step: int) -> None:
    state = {
        "step": step,
        "model": task.model.state_dict(),
        "average": average.weights,
        "optimizers": [optimizer.state_dict() for optimizer in task.optimizers],
    }
    write_stream_atomic(path, lambda file: torch.save(state, file))


def resume_checkpoint(path: Path, task: TrainingTask, average: WeightAverage) -> int:
    """Load a checkpoint, if it exists, into model, optimizers and average; return the next step, 0 without one."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    task.model.load_state_dict(state["model"])
    average.weights = {name: value.to(device_of(task.model)) for name, value in state["average"].items()}
    rates = [[group["base"] for group in optimizer.param_groups] for optimizer in task.optimizers]
    for optimizer, saved, base in zip(task.optimizers, state["optimizers"], rates, strict=True):
        optimizer.load_state_dict(saved)
        for group, rate in zip(optimizer.param_groups, base, strict=True):
            group["base"] = rate
    return int(state["step"])


def _train_step(task: TrainingTask, average: WeightAverage, plan: TrainingPlan, step: int) -> float:
    for optimizer in task.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * plan.rate(step)
    torch.manual_seed(step)
    loss = task.loss(step)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(task.model.parameters(), 1.0)
    for optimizer in task.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    average.update(task.model, min(plan.average, (step + 1) / (step + 10)))
    return float(loss.detach())


def train(task: TrainingTask, plan: TrainingPlan, checkpoint: Path) -> Iterator[StepProgress]:
    """Train from the checkpoint to the plan's last step; save at intervals and at the end, and yield progress."""
    for optimizer in task.optimizers:
        for group in optimizer.param_groups:
            group.setdefault("base", group["lr"])
    average = WeightAverage(task.model)
    first = resume_checkpoint(checkpoint, task, average)
    began = saved = time.monotonic()
    smooth = None
    for step in range(first, plan.steps):
        loss = _train_step(task, average, plan, step)
        smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
        now = time.monotonic()
        if now - saved > plan.save_every or step + 1 == plan.steps:
            _save_checkpoint(checkpoint, task, average, step + 1)
            saved = now
        if (step + 1) % plan.log_every == 0 or step + 1 == plan.steps:
            yield StepProgress(step + 1, smooth, now - began)


def load_averaged(path: Path) -> tuple[dict[str, Tensor], int]:
    """Return the averaged weights of a checkpoint, and its step."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state["average"], int(state["step"])


def append_log(path: Path, progress: StepProgress) -> None:
    """Append one line of JSON to a stage's log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(vars(progress)) + "\n")
