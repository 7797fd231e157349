"""Many paintings in one call of a pipeline: what each of them would be asked for alone, laid one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

GENERATOR = "generator"  # one for each picture: diffusers draws every picture's noise from its own


def stacked(asked: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The arguments of one call for all: tensors and arrays (1, …) behind one another, all else the same.

    None where that cannot be: arguments differ in shape or value, or a call does more than paint.
    """
    if len({frozenset(arguments) for arguments in asked}) != 1:
        return None
    together: dict[str, Any] = {}
    for name, first in asked[0].items():
        values = [arguments[name] for arguments in asked]
        if name == GENERATOR:
            together[name] = values
        elif isinstance(first, torch.Tensor | np.ndarray):
            if len({tuple(value.shape) for value in values}) != 1:
                return None
            join: Any = torch.cat if isinstance(first, torch.Tensor) else np.concatenate
            together[name] = join(values)
        elif callable(first) or _of_one(first) or any(value != first for value in values):
            return None
        else:
            together[name] = first
    return together


def _of_one(value: Any) -> bool:
    """Whether it is a list of tensors, such as IP-Adapters' pictures, which are of one painting."""
    return isinstance(value, list) and any(isinstance(item, torch.Tensor | np.ndarray) for item in value)
