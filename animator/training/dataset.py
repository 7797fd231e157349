"""Training data: encoded photos with captions and loss masks, and batches by number.

Encoded captions are cached unless the text encoders are trained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch\'s own short name)
from numpy.typing import NDArray
from torch import Tensor

from animator.training.photos import Crop


@dataclass(frozen=True, eq=False)
class LatentItem:
    """One encoded training image."""

    mean: Tensor  # (4, h, w) mean of the VAE's latent distribution, scaled as the UNet expects
    spread: Tensor  # (4, h, w) standard deviation of that distribution
    loss_weights: Tensor | None  # (1, h, w) weight of each latent pixel in the loss
    sizes: tuple[int, ...]  # SDXL size and crop conditioning, six numbers
    caption: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Items of one size."""

    items: Sequence[LatentItem]

    def sample_latents(self, random: torch.Generator) -> Tensor:
        """Return latents (n, 4, h, w), drawn from the VAE's distribution of each image."""
        mean, spread = (
            torch.stack([getattr(item, name) for item in self.items]) for name in ("mean", "spread")
        )
        return mean + spread * torch.randn(mean.shape, generator=random)

    @property
    def loss_weights(self) -> Tensor | None:
        """Weights of the latent pixels in the loss (n, 1, h, w); None if all count alike."""
        if all(item.loss_weights is None for item in self.items):
            return None
        whole = torch.ones(1, *self.items[0].mean.shape[1:])
        return torch.stack([whole if item.loss_weights is None else item.loss_weights for item in self.items])

    @property
    def sizes(self) -> Tensor:
        """SDXL's size and crop conditioning (n, 6), float32."""
        return torch.tensor([item.sizes for item in self.items], dtype=torch.float32)

    @property
    def captions(self) -> list[str]:
        """Captions of the items."""
        return [item.caption for item in self.items]


class LatentDataset:
    """Items in a random order that depends on a seed and the batch number alone."""

    def __init__(self, items: Sequence[LatentItem], size: int, seed: int) -> None:
        self.items, self.size, self.seed = items, size, seed
        self._batches = lru_cache(maxsize=2)(self._make_batches)

    def _make_batches(self, epoch: int) -> list[list[int]]:
        """Return an epoch in batches of one size; the last batch of a size is filled up with its first items."""
        random = np.random.default_rng([self.seed, epoch])
        buckets: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index in random.permutation(len(self.items)):
            buckets[tuple(self.items[index].mean.shape)].append(int(index))
        batches = []
        for indices in buckets.values():
            for first in range(0, len(indices), self.size):
                chosen = indices[first : first + self.size]
                batches.append(chosen + [indices[i % len(indices)] for i in range(self.size - len(chosen))])
        return [batches[i] for i in random.permutation(len(batches))]

    def batch(self, number: int) -> Batch:
        """Return batch `number`, from 0 without end."""
        # All epochs have the same length: every size fills the same number of batches in any order.
        epoch, place = divmod(number, len(self._batches(0)))
        return Batch([self.items[index] for index in self._batches(epoch)[place]])


@torch.no_grad()
def encode_photos(
    pipe: Any, views: Iterable[tuple[Crop, str]], outside_weight: float, flip: bool = False
) -> list[LatentItem]:
    """Encode images with their captions as items; with `flip`, their mirror images too. The VAE runs in float32.

    `outside_weight` is the loss weight, 0..1, of pixels outside a mask.
    """
    vae, items = pipe.vae, []
    dtype = vae.dtype
    vae.to(torch.float32)
    for view, caption in views:
        for turned in (False, True) if flip else (False,):
            image = np.ascontiguousarray(view.image[:, ::-1] if turned else view.image)
            pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1
            latent = vae.encode(pixels.to(vae.device)).latent_dist
            mean, spread = ((part * vae.config.scaling_factor)[0].cpu() for part in (latent.mean, latent.std))
            mask = (
                None
                if view.mask is None
                else np.ascontiguousarray(view.mask[:, ::-1] if turned else view.mask)
            )
            items.append(
                LatentItem(mean, spread, _loss_weights(mask, mean.shape, outside_weight), view.sizes, caption)
            )
    vae.to(dtype)
    return items


def _loss_weights(
    mask: NDArray[np.float32] | None, shape: Sequence[int], outside_weight: float
) -> Tensor | None:
    if mask is None:
        return None
    small = F.interpolate(torch.from_numpy(mask)[None, None], size=tuple(shape[1:]), mode="area")[0]
    return outside_weight + (1 - outside_weight) * small


class CaptionEncoder:
    """Encoder of captions that uses the pipeline's text encoders and caches the embeddings."""

    def __init__(self, pipe: Any, trainable: bool) -> None:
        """Use the encoders of `pipe`; with `trainable` they are trained: nothing is cached, and gradients pass."""
        self.pipe, self.trainable = pipe, trainable
        self._cache: dict[str, tuple[Tensor, Tensor]] = {}

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, tokens, width) and pooled embeddings (n, width) of texts; zeros for an empty text."""
        made = [self._encode_one(text) for text in texts]
        return torch.cat([tokens for tokens, _ in made]), torch.cat([pooled for _, pooled in made])

    def _encode_one(self, text: str) -> tuple[Tensor, Tensor]:
        if not text:  # as in SDXL's own training, and in its pipelines for an empty prompt
            tokens, pooled = self._encode_one(" ")
            return torch.zeros_like(tokens), torch.zeros_like(pooled)
        if self.trainable and text.strip():
            return self._run_encoders(text)
        if text not in self._cache:
            with torch.no_grad():
                self._cache[text] = self._run_encoders(text)
        return self._cache[text]

    def _run_encoders(self, text: str) -> tuple[Tensor, Tensor]:
        tokens, _, pooled, _ = self.pipe.encode_prompt(
            prompt=text,
            device=self.pipe.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return tokens, pooled
