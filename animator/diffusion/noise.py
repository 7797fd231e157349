"""The noise a painting starts from: its seed's, mixed with another seed's, and as much of it as is asked for.

All noise is drawn on the CPU, so that one seed gives one noise whatever the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from animator.frame import Frame

Change = Callable[[torch.Tensor], torch.Tensor]


def slerp(a: torch.Tensor, b: torch.Tensor, amount: float) -> torch.Tensor:
    """The way from noise `a` to noise `b`, 0..1, on the sphere that both lie on: in between it is noise as well.

    A straight way would pass through noise that is too weak. Any shape; the dtype is that of `a`.
    """
    if amount == 0:
        return a
    one, two = a.float(), b.float()
    cosine = (one * two).sum() / (one.norm() * two.norm())
    angle = torch.acos(cosine.clamp(-1.0, 1.0))
    if angle < 1e-4:  # the same noise; the quotient below would be 0/0
        return torch.lerp(one, two, amount).to(a.dtype)
    mixed = torch.sin((1 - amount) * angle) * one + torch.sin(amount * angle) * two
    return (mixed / torch.sin(angle)).to(a.dtype)


def changed(frame: Frame) -> Change | None:
    """What becomes of the noise drawn for `frame` where it is painted over a picture; None: nothing."""
    mixed, factor = mixed_in(frame), frame.painting.noise_multiplier
    if mixed is None and factor == 1:
        return None
    return lambda noise: (noise if mixed is None else mixed(noise)) * factor


def mixed_in(frame: Frame) -> Change | None:
    """The subseed's noise mixed into noise on any device; None where there is none of it."""
    if not frame.subseed_strength:
        return None

    def mix(noise: torch.Tensor) -> torch.Tensor:
        other = torch.Generator("cpu").manual_seed(frame.subseed)
        drawn = torch.randn(noise.shape, generator=other, dtype=torch.float32)
        # On the CPU as well: sums on a GPU come out a little different.
        return slerp(noise.cpu(), drawn.to(noise.dtype), frame.subseed_strength).to(noise.device)

    return mix


def give(scheduler: Any, change: Change | None) -> None:
    """Let `scheduler` add noise as `change` makes it: every pipeline that paints over a picture asks it to."""
    scheduler.__dict__.pop("add_noise", None)
    if change is None:
        return
    add = scheduler.add_noise

    def add_noise(original: torch.Tensor, noise: torch.Tensor, timesteps: Any) -> Any:
        return add(original, change(noise), timesteps)

    scheduler.add_noise = add_noise


def drawn(pipe: Any, frame: Frame, width: int, height: int, generator: torch.Generator) -> dict[str, Any]:
    """The pipeline's arguments for a painting from nothing, width x height pixels: none, where no subseed is mixed in.

    The noise of the seed is drawn from `generator` as diffusers draws it.
    """
    mix = mixed_in(frame)
    if mix is None:
        return {}
    # The VAE's channels: a UNet for inpainting takes more than these.
    shape = (
        1,
        pipe.vae.config.latent_channels,
        height // pipe.vae_scale_factor,
        width // pipe.vae_scale_factor,
    )
    noise = torch.randn(shape, generator=generator, dtype=pipe.unet.dtype)
    return {"latents": mix(noise)}
