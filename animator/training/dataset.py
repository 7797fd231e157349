"""Training data: encoded photos with captions and loss masks, and batches by number.

Encode captions with SDXL's two text encoders; results are cached unless the encoders are trained.
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

from animator.training.photos import View


@dataclass(frozen=True, eq=False)
class Item:
    """One encoded training image."""

    mean: Tensor  # (4, h, w) mean of the VAE's latent distribution, scaled as the UNet expects
    spread: Tensor  # (4, h, w) standard deviation of that distribution
    places: Tensor | None  # (1, h, w) weight of each latent pixel in the loss
    sizes: tuple[int, ...]  # SDXL size and crop conditioning, six numbers
    caption: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Items of one size."""

    items: Sequence[Item]

    def clean(self, random: torch.Generator) -> Tensor:
        """Return latents (n, 4, h, w), drawn from the VAE's distribution of each image."""
        mean, spread = (
            torch.stack([getattr(item, name) for item in self.items]) for name in ("mean", "spread")
        )
        return mean + spread * torch.randn(mean.shape, generator=random)

    @property
    def places(self) -> Tensor | None:
        """Weights of the latent pixels in the loss (n, 1, h, w); None if all count alike."""
        if all(item.places is None for item in self.items):
            return None
        whole = torch.ones(1, *self.items[0].mean.shape[1:])
        return torch.stack([whole if item.places is None else item.places for item in self.items])

    @property
    def sizes(self) -> Tensor:
        """SDXL's size and crop conditioning (n, 6), float32."""
        return torch.tensor([item.sizes for item in self.items], dtype=torch.float32)

    @property
    def captions(self) -> list[str]:
        """Captions of the items."""
        return [item.caption for item in self.items]


class Shelf:
    """Items in a random order that depends on a seed and the batch number alone."""

    def __init__(self, items: Sequence[Item], size: int, seed: int) -> None:
        self.items, self.size, self.seed = items, size, seed
        self._batches = lru_cache(maxsize=2)(self._drawn)

    def _drawn(self, epoch: int) -> list[list[int]]:
        """Return an epoch in batches of one size; the last batch of a size is filled up with its first items."""
        random = np.random.default_rng([self.seed, epoch])
        shelves: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index in random.permutation(len(self.items)):
            shelves[tuple(self.items[index].mean.shape)].append(int(index))
        batches = []
        for shelf in shelves.values():
            for first in range(0, len(shelf), self.size):
                chosen = shelf[first : first + self.size]
                batches.append(chosen + [shelf[i % len(shelf)] for i in range(self.size - len(chosen))])
        return [batches[i] for i in random.permutation(len(batches))]

    def batch(self, number: int) -> Batch:
        """Return batch `number`, from 0 without end."""
        # All epochs have the same length: every size fills the same number of batches in any order.
        epoch, place = divmod(number, len(self._batches(0)))
        return Batch([self.items[index] for index in self._batches(epoch)[place]])


@torch.no_grad()
def encode(pipe: Any, views: Iterable[tuple[View, str]], outside: float, flip: bool = False) -> list[Item]:
    """Encode images with their captions as items; with `flip`, their mirror images too. The VAE runs in float32.

    `outside` is the loss weight, 0..1, of pixels outside a mask.
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
            items.append(Item(mean, spread, _places(mask, mean.shape, outside), view.sizes, caption))
    vae.to(dtype)
    return items


def _places(mask: NDArray[np.float32] | None, shape: Sequence[int], outside: float) -> Tensor | None:
    if mask is None:
        return None
    small = F.interpolate(torch.from_numpy(mask)[None, None], size=tuple(shape[1:]), mode="area")[0]
    return outside + (1 - outside) * small


class Words:
    """Encoder of captions that uses the pipeline's text encoders and caches the embeddings."""

    def __init__(self, pipe: Any, live: bool) -> None:
        """Use the encoders of `pipe`; with `live` they are trained: nothing is cached, and gradients pass."""
        self.pipe, self.live = pipe, live
        self._known: dict[str, tuple[Tensor, Tensor]] = {}

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return embeddings (n, tokens, width) and pooled embeddings (n, width) of texts; zeros for an empty text."""
        made = [self._one(text) for text in texts]
        return torch.cat([tokens for tokens, _ in made]), torch.cat([pooled for _, pooled in made])

    def _one(self, text: str) -> tuple[Tensor, Tensor]:
        if not text:  # as in SDXL's own training, and in its pipelines for an empty prompt
            tokens, pooled = self._one(" ")
            return torch.zeros_like(tokens), torch.zeros_like(pooled)
        if self.live and text.strip():
            return self._encoded(text)
        if text not in self._known:
            with torch.no_grad():
                self._known[text] = self._encoded(text)
        return self._known[text]

    def _encoded(self, text: str) -> tuple[Tensor, Tensor]:
        tokens, _, pooled, _ = self.pipe.encode_prompt(
            prompt=text,
            device=self.pipe.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return tokens, pooled
