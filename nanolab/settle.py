"""The autoencoder's last lesson: what it paints encodes to what it was painted from.

A feedback loop goes through it once a frame, and a small drift each time adds up to another picture.
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
# How often a picture went round before.
TRIPS, ODDS = (0, 1, 2, 4, 8, 14), (0.4, 0.18, 0.15, 0.12, 0.09, 0.06)
DRIFT = 20.0  # weight of the latents' drift in one round trip, beside the error of the pixels
STAY = 2.0  # weight of how far the latents are from where they were when the UNet learnt them
NOISE = 0.02  # the most noise on latents, their spread being 1: more would teach the decoder to smooth


class SettleLesson(VaeLesson):
    """Encoder and decoder learn to agree, in full precision: the drift is finer than bfloat16."""

    def __init__(self, vae: AutoencoderKL, pictures: Pictures, steps: int, rate: float = 6e-4) -> None:
        """The latents of `vae`, unit normal, stay where they are, so that a UNet that knows them need not relearn."""
        self.before = copy.deepcopy(vae).requires_grad_(False)
        super().__init__(vae, pictures, steps, rate, SITTINGS)

    def loss(self, step: int) -> Tensor:
        """Pixels and latents after up to fourteen round trips, against those of the picture that went round."""
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
