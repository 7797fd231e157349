"""Batching: the arguments of several pipeline calls stacked into those of one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

GENERATOR = "generator"  # a list, one per image: diffusers draws each image's noise from its own generator


def stacked(asked: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the arguments of one call for all of `asked`: tensors and arrays (1, …) are concatenated, the rest kept.

    Returns None if the calls cannot be batched: other arguments differ, shapes differ, or a call has a
    callback or a list of tensors.
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
    """Return True for a list of tensors, such as the image embeddings of IP-Adapters, which belong to one image."""
    return isinstance(value, list) and any(isinstance(item, torch.Tensor | np.ndarray) for item in value)
