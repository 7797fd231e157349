"""Prompt embeddings for SDXL, and the interpolation between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

PARALLEL = 1e-4  # radians: below this angle an arc equals a line within rounding, and a line is stable


class Embedding(NamedTuple):
    """Output of SDXL's two text encoders for one text."""

    tokens: torch.Tensor  # (1, tokens, width of both encoders)
    pooled: torch.Tensor  # (1, width of the second encoder's projection)


def padded(embedding: Embedding, length: int, empty: Embedding) -> Embedding:
    """Return `embedding` padded to `length` tokens with the tokens of the `empty` text; it is never shortened."""
    missing = length - embedding.tokens.shape[1]
    if missing <= 0:
        return embedding
    more = [empty.tokens] * -(-missing // empty.tokens.shape[1])
    return Embedding(torch.cat([embedding.tokens, *more], dim=1)[:, :length], embedding.pooled)


def mean(weighted: Sequence[tuple[float, Embedding]]) -> Embedding:
    """Return the weighted mean of embeddings with the same number of tokens; the weights must sum to 1."""
    tokens = sum(weight * embedding.tokens for weight, embedding in weighted)
    pooled = sum(weight * embedding.pooled for weight, embedding in weighted)
    return Embedding(torch.as_tensor(tokens), torch.as_tensor(pooled))


def linear(one: Embedding, other: Embedding, weight: float) -> Embedding:
    """Interpolate linearly: weight 0 returns `one`, weight 1 returns `other`."""
    return Embedding(*(torch.lerp(a, b, weight) for a, b in zip(one, other, strict=True)))


def slerp(one: Embedding, other: Embedding, weight: float, first: int) -> Embedding:
    """Interpolate spherically: each vector rotates at even speed from `one` (weight 0) to `other` (weight 1).

    The first `first` numbers of each token belong to the first text encoder, the rest to the second; the two
    parts rotate separately. Lengths are interpolated linearly.
    """
    left = _turned(one.tokens[..., :first], other.tokens[..., :first], weight)
    right = _turned(one.tokens[..., first:], other.tokens[..., first:], weight)
    return Embedding(torch.cat([left, right], dim=-1), _turned(one.pooled, other.pooled, weight))


def _turned(a: torch.Tensor, b: torch.Tensor, weight: float) -> torch.Tensor:
    """Interpolate vectors along the last axis spherically, and their lengths linearly."""
    x, y = a.float(), b.float()
    lengths = [v.norm(dim=-1, keepdim=True).clamp_min(1e-12) for v in (x, y)]
    cosine = ((x / lengths[0]) * (y / lengths[1])).sum(-1, keepdim=True).clamp(-1.0, 1.0)
    angle = torch.arccos(cosine)
    sine = torch.sin(angle)
    direction = torch.sin((1 - weight) * angle) / sine * (x / lengths[0]) + torch.sin(
        weight * angle
    ) / sine * (y / lengths[1])
    arc = direction * torch.lerp(lengths[0], lengths[1], weight)
    # The arc is undefined between equal vectors and ambiguous between opposite ones.
    flat = (angle < PARALLEL) | (angle > torch.pi - PARALLEL)
    return torch.where(flat, torch.lerp(x, y, weight), arc).to(a.dtype)
