"""A training's folder: checkpoints, metrics, sample sheets; a killed run leaves no half file.

settings.json            what it was started with
checkpoint.safetensors   weights, optimizer and best weights after the step it names
metrics.jsonl            a line per step
samples/step-000100.png  the sheet of that step
class/0000.png           pictures of the class
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

FREE = ("watch", "file")  # settings that may change from sitting to sitting


@dataclass
class State:
    """Where a training stands."""

    step: int = 0  # steps taken
    learnt: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)  # torch's state_dict
    best: dict[str, Tensor] = field(default_factory=dict)  # what had the lowest held-out loss
    best_step: int = 0
    best_loss: float = float("inf")


class Folder:
    """The folder of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.safetensors"
        self.metrics = path / "metrics.jsonl"

    def begin(self, settings: Settings, pictures: Mapping[str, str], resume: bool) -> State | None:
        """Open the folder for these settings and pictures (name → hash); the state to go on from, if there is one.

        Raises RunError where a training stands there that is not to be resumed, or was another one.
        """
        told = {"settings": settings.plain(), "pictures": dict(pictures)}
        file = self.path / "settings.json"
        if self.checkpoint.exists() and not resume:
            raise RunError(f"{self.path} holds a training; go on with --resume, or name another file with -o")
        if resume and not self.checkpoint.exists():
            raise RunError(f"{self.path} holds no training to resume; start one without --resume")
        if resume:
            before = json.loads(file.read_text(encoding="utf8"))
            changed = _changed(before, told)
            if changed:
                raise RunError(
                    f"{self.path} was trained with other {changed}; --resume needs the same, or leave it out"
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
        """Write a checkpoint in the place of the last one."""
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
        """Drop the lines of steps after the checkpoint: they are taken once more."""
        if self.metrics.exists():
            lines = [line for line in self.metrics.read_bytes().split(b"\n") if line]
            write_whole(self.metrics, b"".join(line + b"\n" for line in lines if _step(line) <= step))

    def log(self, facts: Mapping[str, Any]) -> None:
        """Append one line of JSON."""
        with self.metrics.open("a", encoding="utf8") as file:
            file.write(json.dumps(dict(facts)) + "\n")


def _step(line: bytes) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # the last line of a killed run
        return float("inf")


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two trainings' beginnings, in words; empty where nothing does that matters."""
    old, new = (_flat(json.loads(json.dumps(told["settings"]))) for told in (before, now))
    names = [n for n in sorted({*old, *new}) if n.split(".")[0] not in FREE and old.get(n) != new.get(n)]
    if before["pictures"] != now["pictures"]:
        names.append("pictures")
    return ", ".join(names[:5])


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def moved(state: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The tensors on a device."""
    return {name: value.to(device) for name, value in state.items()}
