"""Noisy latents, and the v that a lesson is to find in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nanolab.model import alphas


@dataclass(frozen=True)
class Noised:
    """Latents (n, 4, h, w) in noise."""

    noisy: Tensor
    levels: Tensor  # (n,), 0..999
    wanted: Tensor  # v, (n, 4, h, w)


def spread(count: int, lean: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Noise levels (count,) spread over 0..999; `lean`: 1 evenly, the less the more of the high ones."""
    places = (np.arange(count) + random.random(count)) / count
    return (places**lean * 1000).astype(np.int64).clip(0, 999)


def noised(latents: np.ndarray, at: NDArray[np.int64], device: torch.device) -> Noised:
    """Latents (n, 4, h, w) in noise of the levels (n,)."""
    clean, levels = torch.from_numpy(latents.astype(np.float32)).to(device), torch.from_numpy(at).to(device)
    kept, noise = (table.to(device)[levels].view(-1, 1, 1, 1) for table in alphas())
    drawn = torch.randn(clean.shape).to(device)  # on the CPU: the same lesson on every machine
    return Noised(kept * clean + noise * drawn, levels, kept * drawn - noise * clean)


def sizes(like: Tensor) -> Tensor:
    """SDXL's `time_ids` (n, 6) of whole, uncropped pictures, for their latents (n, 4, h, w)."""
    height, width = (8 * side for side in like.shape[2:])
    rows = [(height, width, 0, 0, height, width)] * len(like)
    return torch.tensor(rows, dtype=torch.float32, device=like.device)


def spoken(odds: float, count: int, random: np.random.Generator, device: torch.device) -> Tensor:
    """1 for the pictures (count,) that come with words, with these odds; 0 for the others."""
    return torch.from_numpy((random.random(count) < odds).astype(np.float32)).to(device)
