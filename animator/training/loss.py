"""Loss of a training step: the prediction target, and the weights of noise levels and pixels."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from torch import Tensor


def noises(config: Any) -> DDPMScheduler:
    """Return the DDPM scheduler that adds noise in training, from the `config` of a model's scheduler."""
    return DDPMScheduler.from_config(config)


def wanted(scheduler: Any, clean: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
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


def loss(made: Tensor, target: Tensor, weights: Tensor, places: Tensor | None = None) -> Tensor:
    """Return the mean squared error of `made` (n, 4, h, w), weighted by `weights` (n,) and `places` (n, 1, h, w)."""
    error = (made.float() - target.float()).square()
    if places is None:
        each = error.mean((1, 2, 3))
    else:
        each = (error * places).sum((1, 2, 3)) / (places.sum((1, 2, 3)) * error.shape[1])
    mean: Tensor = (each * weights).mean()
    return mean
