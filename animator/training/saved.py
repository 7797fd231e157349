"""Folder of a training: checkpoint, metrics and sample sheets, written so that a killed run leaves no partial file.

settings.json            settings and photo hashes it was started with
checkpoint.safetensors   weights, optimizer and best weights after the step it names
metrics.jsonl            one line per step
samples/step-000100.png  sample sheet after that step
class/0000.png           class images
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from animator.errors import RunError
from animator.runs.atomic import write_whole
from animator.training.settings import Settings

FREE = ("watch", "file")  # settings that may change when a training is resumed


@dataclass
class State:
    """State of a training, as saved in a checkpoint."""

    step: int = 0  # steps taken
    learnt: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)  # torch's state_dict
    best: dict[str, Tensor] = field(default_factory=dict)  # weights with the lowest held-out loss
    best_step: int = 0
    best_loss: float = float("inf")


class Folder:
    """The folder of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.safetensors"
        self.metrics = path / "metrics.jsonl"

    def begin(self, settings: Settings, pictures: Mapping[str, str], resume: bool) -> State | None:
        """Open the folder for these settings and photos (name → hash); return the state to resume from, or None.

        Raises RunError if the folder holds a training that is not to be resumed, or one of other settings or photos.
        """
        told = {"settings": settings.plain(), "pictures": dict(pictures)}
        file = self.path / "settings.json"
        if self.checkpoint.exists() and not resume:
            raise RunError(
                f"{self.path} contains a training; continue it with --resume, or name another file with -o"
            )
        if resume and not self.checkpoint.exists():
            raise RunError(f"{self.path} contains no training to resume; start one without --resume")
        if resume:
            before = json.loads(file.read_text(encoding="utf8"))
            changed = _changed(before, told)
            if changed:
                raise RunError(
                    f"{self.path} was trained with other {changed}; restore them to use --resume, or leave it out"
                )
        try:
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(told, indent=1, ensure_ascii=False).encode("utf8"))
            state = self._load() if resume else None
            self._cut(state.step if state else 0)
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}") from error
        return state

    def save(self, state: State) -> None:
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
        told = {
            "step": state.step,
            "best_step": state.best_step,
            "best_loss": state.best_loss,
            "groups": state.optimizer.get("param_groups", []),
            "plain": plain,
        }
        whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        write_whole(self.checkpoint, save(whole, {"state": json.dumps(told)}))

    def _load(self) -> State:
        try:
            with safe_open(self.checkpoint, framework="pt") as opened:
                told = json.loads(opened.metadata()["state"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{self.checkpoint} is not a checkpoint of a training: {error}") from error
        moments: dict[int, dict[str, Any]] = {int(n): dict(values) for n, values in told["plain"].items()}
        parts: dict[str, dict[str, Tensor]] = {"learnt": {}, "best": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            if part == "optimizer":
                number, _, key = rest.partition(".")
                moments.setdefault(int(number), {})[key] = value
            else:
                parts[part][rest] = value
        optimizer = {"state": moments, "param_groups": told["groups"]}
        return State(
            told["step"], parts["learnt"], optimizer, parts["best"], told["best_step"], told["best_loss"]
        )

    def _cut(self, step: int) -> None:
        """Drop the metrics of steps after the checkpoint, as they are taken again."""
        if self.metrics.exists():
            lines = [line for line in self.metrics.read_bytes().split(b"\n") if line]
            write_whole(self.metrics, b"".join(line + b"\n" for line in lines if _step(line) <= step))

    def log(self, facts: Mapping[str, Any]) -> None:
        """Append `facts` to the metrics as one line of JSON."""
        with self.metrics.open("a", encoding="utf8") as file:
            file.write(json.dumps(dict(facts)) + "\n")


def _step(line: bytes) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # incomplete last line of a killed run
        return float("inf")


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the settings that differ between two trainings, at most 5, '' if a resume is allowed."""
    old, new = (_flat(json.loads(json.dumps(told["settings"]))) for told in (before, now))
    names = [n for n in sorted({*old, *new}) if n.split(".")[0] not in FREE and old.get(n) != new.get(n)]
    if before["pictures"] != now["pictures"]:
        names.append("photos")
    return ", ".join(names[:5])


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def moved(state: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return the tensors, moved to a device."""
    return {name: value.to(device) for name, value in state.items()}
