"""Training that makes the autoencoder stable under repeated encoding and decoding.

A film passes through it once per painted frame, and small drifts add up to a different image.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from nanolab.dataset import Pictures
from nanolab.trainer import place
from nanolab.vae import Sitting, VaeLesson, decode, difference, encode, round_trip

SITTINGS = (Sitting(0.75, 128, 6), Sitting(1.0, 256, 2))
# Numbers of round trips made before a step, and their probabilities.
TRIPS, ODDS = (0, 1, 2, 4, 8, 14), (0.4, 0.18, 0.15, 0.12, 0.09, 0.06)
DRIFT = 20.0  # weight of the latents' drift in one round trip, relative to the pixel error
STAY = 2.0  # weight of the latents' distance from those that the UNet was trained on
NOISE = 0.02  # largest noise on latents of standard deviation 1: more would teach the decoder to blur


class SettleLesson(VaeLesson):
    """Make encoder and decoder agree; in full precision, because the drift is below bfloat16's resolution."""

    def __init__(self, vae: AutoencoderKL, pictures: Pictures, steps: int, rate: float = 6e-4) -> None:
        """Train `vae`; its present (unit normal) latents are the reference, so that a trained UNet stays valid."""
        self.before = copy.deepcopy(vae).requires_grad_(False)
        super().__init__(vae, pictures, steps, rate, SITTINGS)

    def loss(self, step: int) -> Tensor:
        """Return the loss of pixels and latents after up to fourteen round trips, against those of the original."""
        device = place(self.model)
        wanted = self.batch(step).to(device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            known = encode(self.before, wanted).float()
            trips = int(np.random.default_rng([4, step]).choice(TRIPS, p=ODDS))
            given = round_trip(self.model, wanted, trips).float()
        latents = encode(self.model, given)
        noise = NOISE * torch.rand(len(latents), 1, 1, 1) * torch.randn(latents.shape)
        made = decode(self.model, latents + noise.to(device))
        drift = (encode(self.model, made) - latents).square().mean()
        away = (latents - known).square().mean()
        return difference(made, wanted) + DRIFT * drift + STAY * away
