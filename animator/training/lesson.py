"""Training objective: add noise to a batch and compute the loss of the model's prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from animator.training import loss as losses
from animator.training.dataset import Batch, Shelf
from animator.training.settings import Settings
from animator.training.words import Words


@dataclass(frozen=True, eq=False)
class Lesson:
    """Model, data and settings of a training, and the loss of a batch."""

    pipe: Any
    words: Words
    scheduler: Any  # DDPMScheduler with the noise levels
    shelf: Shelf
    prior: Shelf | None  # class images, trained on along with the product
    held_out: Shelf | None
    settings: Settings

    def loss(self, batch: Batch, random: torch.Generator, plain: bool = False) -> Tensor:
        """Return the loss of a batch, with noise and levels drawn from `random`; `plain`: unweighted, to evaluate."""
        learning, count = self.settings.learning, len(batch.items)
        device = self.pipe.unet.device
        clean = batch.clean(random)
        noise = torch.randn(clean.shape, generator=random)
        if learning.noise_offset and not plain:
            noise += learning.noise_offset * torch.randn(*clean.shape[:2], 1, 1, generator=random)
        # Stratified over all levels: a small batch could otherwise train on coarse or fine detail alone.
        spread = (torch.arange(count) + torch.rand(count, generator=random)) / count
        levels = (spread * self.scheduler.config.num_train_timesteps).long()
        left_out = torch.rand(count, generator=random) < (0 if plain else self.settings.data.drop_captions)
        clean, noise, levels = clean.to(device), noise.to(device), levels.to(device)
        captions = ["" if out else text for text, out in zip(batch.captions, left_out.tolist(), strict=True)]
        tokens, pooled = self.words.encode(captions)
        made = self.pipe.unet(
            self.scheduler.add_noise(clean, noise, levels).to(self.pipe.unet.dtype),
            levels,
            encoder_hidden_states=tokens,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": batch.sizes.to(device)},
        ).sample
        weights = losses.level_weights(self.scheduler, levels, 0.0 if plain else learning.min_snr)
        places = batch.places
        target = losses.wanted(self.scheduler, clean, noise, levels)
        return losses.loss(made, target, weights, None if places is None else places.to(device))
