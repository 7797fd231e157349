"""Initial noise of a painting pass: the seed's noise, optionally mixed with a subseed's and scaled.

All noise is drawn on the CPU, so that a seed gives the same noise on every device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from animator.frame import Frame

Change = Callable[[torch.Tensor], torch.Tensor]


def slerp(a: torch.Tensor, b: torch.Tensor, amount: float) -> torch.Tensor:
    """Interpolate spherically from noise `a` (amount 0) to noise `b` (amount 1); the shape and dtype are those of `a`.

    Linear interpolation would reduce the deviation in between, and the result would no longer be unit noise.
    """
    if amount == 0:
        return a
    one, two = a.float(), b.float()
    cosine = (one * two).sum() / (one.norm() * two.norm())
    angle = torch.acos(cosine.clamp(-1.0, 1.0))
    if angle < 1e-4:  # equal noise; the quotient below would be 0/0
        return torch.lerp(one, two, amount).to(a.dtype)
    mixed = torch.sin((1 - amount) * angle) * one + torch.sin(amount * angle) * two
    return (mixed / torch.sin(angle)).to(a.dtype)


def changed(frame: Frame) -> Change | None:
    """Return the function that mixes and scales the noise of an img2img pass of `frame`; None for unchanged noise."""
    mixed, factor = mixed_in(frame), frame.painting.noise_multiplier
    if mixed is None and factor == 1:
        return None
    return lambda noise: (noise if mixed is None else mixed(noise)) * factor


def mixed_in(frame: Frame) -> Change | None:
    """Return a function that mixes the subseed's noise into noise on any device; None if subseed_strength is 0."""
    if not frame.subseed_strength:
        return None

    def mix(noise: torch.Tensor) -> torch.Tensor:
        other = torch.Generator("cpu").manual_seed(frame.subseed)
        drawn = torch.randn(noise.shape, generator=other, dtype=torch.float32)
        # Mixed on the CPU, because sums on a GPU round differently.
        return slerp(noise.cpu(), drawn.to(noise.dtype), frame.subseed_strength).to(noise.device)

    return mix


def give(scheduler: Any, change: Change | None) -> None:
    """Patch `scheduler.add_noise`, which every img2img pipeline calls, to apply `change`; None removes the patch."""
    scheduler.__dict__.pop("add_noise", None)
    if change is None:
        return
    add = scheduler.add_noise

    def add_noise(original: torch.Tensor, noise: torch.Tensor, timesteps: Any) -> Any:
        return add(original, change(noise), timesteps)

    scheduler.add_noise = add_noise


def drawn(pipe: Any, frame: Frame, width: int, height: int, generator: torch.Generator) -> dict[str, Any]:
    """Return the pipeline's arguments with mixed noise for width x height pixels from nothing; {} without a subseed.

    The seed's noise is drawn from `generator` as diffusers draws it.
    """
    mix = mixed_in(frame)
    if mix is None:
        return {}
    # The VAE's channel count, because an inpainting UNet has more.
    shape = (
        1,
        pipe.vae.config.latent_channels,
        height // pipe.vae_scale_factor,
        width // pipe.vae_scale_factor,
    )
    noise = torch.randn(shape, generator=generator, dtype=pipe.unet.dtype)
    return {"latents": mix(noise)}
