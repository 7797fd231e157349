"""Noisy latents with their training target v, and the conditioning that goes with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nanolab.model import alphas


@dataclass(frozen=True)
class Noised:
    """Noisy latents with the v that is to be predicted from them."""

    noisy: Tensor  # (n, 4, h, w)
    levels: Tensor  # (n,), 0..999
    wanted: Tensor  # v, (n, 4, h, w)


def spread(count: int, lean: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Return random noise levels (count,) over 0..999: even for `lean` 1, more high ones the smaller it is."""
    places = (np.arange(count) + random.random(count)) / count
    return (places**lean * 1000).astype(np.int64).clip(0, 999)


def noised(latents: np.ndarray, at: NDArray[np.int64], device: torch.device) -> Noised:
    """Add noise to latents (n, 4, h, w), at the levels `at` (n,)."""
    clean, levels = torch.from_numpy(latents.astype(np.float32)).to(device), torch.from_numpy(at).to(device)
    kept, noise = (table.to(device)[levels].view(-1, 1, 1, 1) for table in alphas())
    drawn = torch.randn(clean.shape).to(device)  # drawn on the CPU: equal on every device
    return Noised(kept * clean + noise * drawn, levels, kept * drawn - noise * clean)


def sizes(like: Tensor) -> Tensor:
    """Return SDXL's `time_ids` (n, 6) of uncropped images, from the shape of their latents (n, 4, h, w)."""
    height, width = (8 * side for side in like.shape[2:])
    rows = [(height, width, 0, 0, height, width)] * len(like)
    return torch.tensor(rows, dtype=torch.float32, device=like.device)


def spoken(odds: float, count: int, random: np.random.Generator, device: torch.device) -> Tensor:
    """Return a random mask (count,), float32: 1 where the caption is kept, with probability `odds`; else 0."""
    return torch.from_numpy((random.random(count) < odds).astype(np.float32)).to(device)
