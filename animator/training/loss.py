"""Loss of a training step: noise added to a batch, the prediction target, weights of noise levels and pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from torch import Tensor

from animator.training.dataset import Batch, CaptionEncoder, LatentDataset
from animator.training.settings import TrainingSettings


def noise_scheduler(config: Any) -> DDPMScheduler:
    """Return the DDPM scheduler that adds noise in training, from the `config` of a model's scheduler."""
    return DDPMScheduler.from_config(config)


def prediction_target(scheduler: Any, clean: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
    """Return the prediction target (n, 4, h, w) for latents `clean` under `noise` at `levels` (n,)."""
    if scheduler.config.prediction_type == "epsilon":
        return noise
    if scheduler.config.prediction_type == "sample":
        return clean
    velocity: Tensor = scheduler.get_velocity(clean, noise, levels)
    return velocity


def level_weights(scheduler: Any, levels: Tensor, gamma: float) -> Tensor:
    """Return min-SNR-γ weights (n,) of noise levels (Hang et al. 2023, arXiv 2303.09556); all 1 for a γ of 0.

    They are min(SNR, γ) / SNR for noise prediction, min(SNR, γ) / (SNR + 1) for v-prediction, and min(SNR, γ) for
    sample prediction.
    """
    if not gamma:
        return torch.ones(len(levels), device=levels.device)
    snr = compute_snr(scheduler, levels).clamp(min=1e-8)
    least: Tensor = snr.clamp(max=gamma)
    kind = scheduler.config.prediction_type
    weights: Tensor = least / {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}[kind]
    return weights


def weighted_loss(
    predicted: Tensor, target: Tensor, weights: Tensor, pixel_weights: Tensor | None = None
) -> Tensor:
    """Return the mean squared error of `predicted` (n, 4, h, w).

    It is weighted by `weights` (n,) and `pixel_weights` (n, 1, h, w).
    """
    error = (predicted.float() - target.float()).square()
    if pixel_weights is None:
        each = error.mean((1, 2, 3))
    else:
        each = (error * pixel_weights).sum((1, 2, 3)) / (pixel_weights.sum((1, 2, 3)) * error.shape[1])
    mean: Tensor = (each * weights).mean()
    return mean


@dataclass(frozen=True, eq=False)
class TrainingObjective:
    """Model, data and settings of a training, and the loss of a batch."""

    pipe: Any
    captions: CaptionEncoder
    scheduler: Any  # DDPMScheduler with the noise levels
    dataset: LatentDataset
    prior: LatentDataset | None  # class images, trained on along with the product
    held_out: LatentDataset | None
    settings: TrainingSettings

    def loss(self, batch: Batch, random: torch.Generator, unweighted: bool = False) -> Tensor:
        """Return the loss of a batch, noise and levels drawn from `random`; `unweighted` is for evaluation."""
        learning, count = self.settings.learning, len(batch.items)
        device = self.pipe.unet.device
        clean = batch.sample_latents(random)
        noise = torch.randn(clean.shape, generator=random)
        if learning.noise_offset and not unweighted:
            noise += learning.noise_offset * torch.randn(*clean.shape[:2], 1, 1, generator=random)
        # Stratified over all levels: a small batch could otherwise train on coarse or fine detail alone.
        spread = (torch.arange(count) + torch.rand(count, generator=random)) / count
        levels = (spread * self.scheduler.config.num_train_timesteps).long()
        left_out = torch.rand(count, generator=random) < (
            0 if unweighted else self.settings.data.drop_captions
        )
        clean, noise, levels = clean.to(device), noise.to(device), levels.to(device)
        captions = ["" if out else text for text, out in zip(batch.captions, left_out.tolist(), strict=True)]
        tokens, pooled = self.captions.encode(captions)
        made = self.pipe.unet(
            self.scheduler.add_noise(clean, noise, levels).to(self.pipe.unet.dtype),
            levels,
            encoder_hidden_states=tokens,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": batch.sizes.to(device)},
        ).sample
        weights = level_weights(self.scheduler, levels, 0.0 if unweighted else learning.min_snr)
        places = batch.loss_weights
        target = prediction_target(self.scheduler, clean, noise, levels)
        return weighted_loss(made, target, weights, None if places is None else places.to(device))
