"""What SDXL reads of a prompt, and how two of them are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

PARALLEL = 1e-4  # radians: closer vectors are mixed on a line, where an arc cannot be told from it


class Embedding(NamedTuple):
    """What SDXL's two text encoders make of one text."""

    tokens: torch.Tensor  # (1, tokens, width of both encoders)
    pooled: torch.Tensor  # (1, width of the second encoder's projection)


def padded(embedding: Embedding, length: int, empty: Embedding) -> Embedding:
    """`embedding` with `length` tokens: chunks of the `empty` text behind its own."""
    missing = length - embedding.tokens.shape[1]
    if missing <= 0:
        return embedding
    more = [empty.tokens] * -(-missing // empty.tokens.shape[1])
    return Embedding(torch.cat([embedding.tokens, *more], dim=1)[:, :length], embedding.pooled)


def mean(weighted: Sequence[tuple[float, Embedding]]) -> Embedding:
    """Embeddings of one length, mixed by weights whose sum is 1."""
    tokens = sum(weight * embedding.tokens for weight, embedding in weighted)
    pooled = sum(weight * embedding.pooled for weight, embedding in weighted)
    return Embedding(torch.as_tensor(tokens), torch.as_tensor(pooled))


def linear(one: Embedding, other: Embedding, weight: float) -> Embedding:
    """`weight` of `other` and the rest of `one`, on a line."""
    return Embedding(*(torch.lerp(a, b, weight) for a, b in zip(one, other, strict=True)))


def slerp(one: Embedding, other: Embedding, weight: float, first: int) -> Embedding:
    """The same, each vector turned from one into the other at even speed.

    The tokens' first `first` numbers are the first encoder's vectors, the rest the second's.
    """
    left = _turned(one.tokens[..., :first], other.tokens[..., :first], weight)
    right = _turned(one.tokens[..., first:], other.tokens[..., first:], weight)
    return Embedding(torch.cat([left, right], dim=-1), _turned(one.pooled, other.pooled, weight))


def _turned(a: torch.Tensor, b: torch.Tensor, weight: float) -> torch.Tensor:
    """Vectors along the last axis, turned; their length goes from one's to the other's."""
    x, y = a.float(), b.float()
    lengths = [v.norm(dim=-1, keepdim=True).clamp_min(1e-12) for v in (x, y)]
    cosine = ((x / lengths[0]) * (y / lengths[1])).sum(-1, keepdim=True).clamp(-1.0, 1.0)
    angle = torch.arccos(cosine)
    sine = torch.sin(angle)
    direction = torch.sin((1 - weight) * angle) / sine * (x / lengths[0]) + torch.sin(
        weight * angle
    ) / sine * (y / lengths[1])
    arc = direction * torch.lerp(lengths[0], lengths[1], weight)
    # No arc leads from a vector to itself, and too many to its opposite.
    flat = (angle < PARALLEL) | (angle > torch.pi - PARALLEL)
    return torch.where(flat, torch.lerp(x, y, weight), arc).to(a.dtype)
