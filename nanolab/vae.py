"""The autoencoder: architecture, encoding and decoding, and training on images and on its own output.

A film passes through it once per painted frame, and small drifts add up to a different image: so it is trained to be
stable under repeated encoding and decoding.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from nanolab.dataset import ShardedImages, random_texture, recolor
from nanolab.trainer import Muon, device_of

VAE_CHANNELS = (16, 32, 64, 96)


@dataclass(frozen=True)
class CropPhase:
    """Crops of one training phase: `batch` of `size` pixels per step, until `until` (share of all steps)."""

    until: float
    size: int
    batch: int


# Numbers of round trips made before a step, and their probabilities.
VAE_TRIPS, VAE_TRIP_ODDS = (1, 2, 4, 8), (0.4, 0.3, 0.2, 0.1)

VAE_TRIPS_FROM = 0.35  # share of the steps after which such round trips begin

VAE_PHASES = (CropPhase(0.62, 64, 24), CropPhase(0.9, 128, 6), CropPhase(1.0, 256, 2))


def build_autoencoder(channels: tuple[int, ...] = VAE_CHANNELS) -> AutoencoderKL:
    """Return an untrained f8 autoencoder with four latent channels; every residual branch starts at zero."""
    kinds = len(channels)
    vae = AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * kinds,
        up_block_types=("UpDecoderBlock2D",) * kinds,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        force_upcast=False,
        sample_size=256,
    )
    for name, module in vae.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        if name.endswith("conv2"):
            nn.init.zeros_(module.weight)
        elif any(part in name for part in ("downsamplers", "upsamplers", "conv_in", "shortcut")):
            nn.init.orthogonal_(module.weight)
    return vae


def images_to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Convert images, uint8 (n, h, w, 3), to float32 (n, 3, h, w) in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def tensor_to_images(pixels: Tensor) -> NDArray[np.uint8]:
    """Convert float (n, 3, h, w) in -1..1 to images, uint8 (n, h, w, 3)."""
    whole = ((pixels.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.asarray(whole.permute(0, 2, 3, 1).contiguous().numpy(), np.uint8)


def encode(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Encode pixels (n, 3, h, w) in -1..1 to the mean of their latents (n, 4, h/8, w/8)."""
    moments: Tensor = vae.quant_conv(vae.encoder(pixels))
    return moments[:, :4]


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode latents (n, 4, h/8, w/8) to pixels (n, 3, h, w), about -1..1."""
    pixels: Tensor = vae.decoder(vae.post_quant_conv(latents))
    return pixels


def round_trip(vae: AutoencoderKL, pixels: Tensor, times: int) -> Tensor:
    """Encode and decode `times` times, rounded to 8 bits in between, as a film does; without gradients."""
    with torch.no_grad():
        for _ in range(times):
            pixels = ((decode(vae, encode(vae, pixels)).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    return pixels


def reconstruction_error(made: Tensor, wanted: Tensor) -> Tensor:
    """Return the reconstruction error: L1 of pixels, half the L1 of gradients, and twice the mean square."""
    error = made - wanted
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + 0.5 * edges + 2.0 * error.square().mean()


class VaeTask:
    """Reconstruct crops of products in every colour, textures, and the autoencoder's own output."""

    def __init__(
        self,
        vae: AutoencoderKL,
        images: ShardedImages,
        steps: int,
        rate: float = 3e-3,
        phases: tuple[CropPhase, ...] = VAE_PHASES,
    ) -> None:
        self.model = vae.to(memory_format=torch.channels_last)
        self.images, self.steps, self.phases = images, steps, phases
        kernels = [p for p in vae.parameters() if p.ndim == 4 and p.shape[-1] == 3 and p.shape[0] > 4]
        known = {id(p) for p in kernels}
        rest = [p for p in vae.parameters() if id(p) not in known]
        self.optimizers = [
            Muon(kernels, rate),
            torch.optim.AdamW(rest, rate, (0.9, 0.98), weight_decay=0.0, fused=True),
        ]

    def _crop(self, size: int, random: np.random.Generator) -> NDArray[np.uint8]:
        if random.random() < 0.25:
            return random_texture(size, random)
        whole = self.images[int(random.integers(len(self.images)))]
        room = whole.shape[0] - size
        y, x = (int(np.clip(random.normal(0.5, 0.3), 0, 1) * room) for _ in range(2))
        part = whole[y : y + size, x : x + size]
        return recolor(part, random) if random.random() < 0.5 else part

    def batch(self, step: int) -> Tensor:
        """Return the crops (n, 3, size, size) of a step, in -1..1."""
        random = np.random.default_rng([3, step])
        sitting = next(s for s in self.phases if step <= s.until * self.steps)
        side = min(sitting.size, *self.images[0].shape[:2])
        return images_to_tensor(np.stack([self._crop(side, random) for _ in range(sitting.batch)]))

    def loss(self, step: int) -> Tensor:
        """Return the reconstruction loss plus the latents' drift; later steps often begin with round trips."""
        device = device_of(self.model)
        wanted = self.batch(step).to(device).contiguous(memory_format=torch.channels_last)
        random = np.random.default_rng([4, step])
        with torch.autocast(device.type, torch.bfloat16):
            given = wanted
            if step >= VAE_TRIPS_FROM * self.steps and random.random() < 0.6:
                given = round_trip(self.model, wanted, int(random.choice(VAE_TRIPS, p=VAE_TRIP_ODDS))).float()
            latents = encode(self.model, given)
            noise = 0.04 * torch.rand(len(latents), 1, 1, 1) * torch.randn(latents.shape)
            made = decode(self.model, latents + noise.to(device))
            again = encode(self.model, made)  # equal latents keep a film stable
        seen, drift = latents.float(), (again - latents).float()
        # Relative to the variance; otherwise the latents would simply shrink.
        moved = (drift.square().mean((0, 2, 3)) / seen.var((0, 2, 3))).mean()
        size = (seen.square().mean((0, 2, 3)) - 1.0).square().mean()
        return reconstruction_error(made.float(), wanted) + 2e-3 * size + 2.0 * moved


def fold_statistics(vae: AutoencoderKL, latents: Tensor) -> None:
    """Fold mean and deviation of `latents` (n, 4, h, w) into the 1×1 layers, so that latents are unit normal.

    The predicted variance is set to almost zero, so that encoding is deterministic.
    """
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    with torch.no_grad():
        inner, outer = vae.quant_conv, vae.post_quant_conv
        outer.bias += (outer.weight[:, :, 0, 0] * mean).sum(1)
        outer.weight *= spread[None, :, None, None]
        inner.weight[:4] /= spread[:, None, None, None]
        inner.bias[:4] = (inner.bias[:4] - mean) / spread
        inner.weight[4:] = 0.0
        inner.bias[4:] = -20.0


SETTLE_PHASES = (CropPhase(0.75, 128, 6), CropPhase(1.0, 256, 2))

# Numbers of round trips made before a step, and their probabilities.
SETTLE_TRIPS, SETTLE_TRIP_ODDS = (0, 1, 2, 4, 8, 14), (0.4, 0.18, 0.15, 0.12, 0.09, 0.06)

DRIFT_WEIGHT = 20.0  # weight of the latents' drift in one round trip, relative to the pixel error

REFERENCE_WEIGHT = 2.0  # weight of the latents' distance from those that the UNet was trained on

LATENT_NOISE = 0.02  # largest noise on latents of standard deviation 1: more would teach the decoder to blur


class RoundTripTask(VaeTask):
    """Make encoder and decoder agree; in full precision, because the drift is below bfloat16's resolution."""

    def __init__(self, vae: AutoencoderKL, images: ShardedImages, steps: int, rate: float = 6e-4) -> None:
        """Train `vae`; its present (unit normal) latents are the reference, so that a trained UNet stays valid."""
        self.reference = copy.deepcopy(vae).requires_grad_(False)
        super().__init__(vae, images, steps, rate, SETTLE_PHASES)

    def loss(self, step: int) -> Tensor:
        """Return the loss of pixels and latents after up to fourteen round trips, against those of the original."""
        device = device_of(self.model)
        wanted = self.batch(step).to(device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            known = encode(self.reference, wanted).float()
            trips = int(np.random.default_rng([4, step]).choice(SETTLE_TRIPS, p=SETTLE_TRIP_ODDS))
            given = round_trip(self.model, wanted, trips).float()
        latents = encode(self.model, given)
        noise = LATENT_NOISE * torch.rand(len(latents), 1, 1, 1) * torch.randn(latents.shape)
        made = decode(self.model, latents + noise.to(device))
        drift = (encode(self.model, made) - latents).square().mean()
        away = (latents - known).square().mean()
        return reconstruction_error(made, wanted) + DRIFT_WEIGHT * drift + REFERENCE_WEIGHT * away
