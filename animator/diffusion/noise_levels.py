"""Samplers as diffusers schedulers that start at an exact noise level, and the initial noise of a painting pass.

Pipelines pass timesteps as `set_timesteps(timesteps=...)`, which diffusers supports in its Euler scheduler. The
subclasses here support it for the other samplers, so that a painting pass can start at any noise level and not
just at the nearest entry of a grid. All noise is drawn on the CPU, so that a seed gives the same noise everywhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import wraps
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.schedulers import AysSchedules
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from numpy.typing import NDArray

from animator.frame import Frame, Painting
from animator.models import samplers

_Mixin: Any = object  # Any: type checkers cannot know the scheduler that a mixin is combined with


class _TimestepsMixin(_Mixin):  # type: ignore[misc]
    """Mixin for a diffusers scheduler whose `set_timesteps` also accepts a list of timesteps."""

    timesteps: torch.Tensor
    sigmas: torch.Tensor
    num_inference_steps: int | Fraction

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        *more: Any,
        timesteps: Sequence[float] | None = None,
    ) -> None:
        """Prepare `num_inference_steps` steps as diffusers does, or the falling `timesteps_for_strength`."""
        if timesteps is None:
            super().set_timesteps(num_inference_steps, device, *more)
        else:
            self.set_levels(np.asarray(timesteps, np.float64), device)

    def set_levels(self, levels: NDArray[np.float64], device: Any) -> None:
        """Prepare the steps at the falling timesteps `levels`."""
        raise NotImplementedError

    def sigmas_at(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sigma of each timestep in `levels`, interpolated between whole timesteps."""
        kept = self.alphas_cumprod.numpy().astype(np.float64)
        found: NDArray[np.float64] = np.interp(levels, np.arange(len(kept)), ((1 - kept) / kept) ** 0.5)
        return found


class _SigmaMixin(_TimestepsMixin):
    """Mixin for schedulers with one noise level per step: replaces the levels that diffusers prepared."""

    def set_levels(self, levels: NDArray[np.float64], device: Any) -> None:
        super(_TimestepsMixin, self).set_timesteps(len(levels), device=device)
        timesteps = torch.from_numpy(levels)
        if not self.timesteps.is_floating_point():
            timesteps = timesteps.round()  # the model's conditioning; the sigmas stay exact
        self.timesteps = timesteps.to(self.timesteps)
        self.sigmas = torch.cat([torch.from_numpy(self.sigmas_at(levels)).to(self.sigmas), self.sigmas[-1:]])


class _TwoCallsMixin(_TimestepsMixin):
    """Mixin for schedulers with two model calls per step: passes the levels to diffusers as Karras sigmas.

    diffusers derives the intermediate levels from them.
    """

    level_sigmas: NDArray[np.float64] | None = None

    def set_levels(self, levels: NDArray[np.float64], device: Any) -> None:
        self.level_sigmas = self.sigmas_at(levels)
        karras = self.config.use_karras_sigmas
        self.register_to_config(use_karras_sigmas=True)
        try:
            super(_TimestepsMixin, self).set_timesteps(len(levels), device=device)
        finally:
            self.level_sigmas = None
            self.register_to_config(use_karras_sigmas=karras)

    def _convert_to_karras(self, in_sigmas: Any, num_inference_steps: int) -> Any:
        return (
            super()._convert_to_karras(in_sigmas, num_inference_steps)
            if self.level_sigmas is None
            else self.level_sigmas
        )


class _StepLengthMixin(_TimestepsMixin):
    """Mixin for DDIM with steps of any length; diffusers' own DDIM takes steps of equal length."""

    step_lengths: Iterator[int] | None = None

    def set_timesteps(self, *given: Any, timesteps: Sequence[float] | None = None, **options: Any) -> None:
        self.step_lengths = None
        super().set_timesteps(*given, timesteps=timesteps, **options)

    def set_levels(self, levels: NDArray[np.float64], device: Any) -> None:
        self.timesteps = torch.from_numpy(levels.round().astype(np.int64)).to(device)
        ends = np.append(levels.round().astype(int), -1)  # below 0: no noise left
        self.step_lengths = iter((ends[:-1] - ends[1:]).tolist())
        self.num_inference_steps = len(levels)

    @wraps(diffusers.DDIMScheduler.step)
    def step(self, *given: Any, **options: Any) -> Any:
        if self.step_lengths is not None:
            # diffusers computes the length of a step as num_train_timesteps // num_inference_steps.
            self.num_inference_steps = Fraction(self.config.num_train_timesteps, next(self.step_lengths))
        return super().step(*given, **options)


def _subclass(mixin: type, name: str) -> type:
    base = getattr(diffusers, name)
    return type(name, (mixin, base), {"__doc__": f"{base.__name__} that takes a list of timesteps."})


_MIXINS = {
    _SigmaMixin: (
        "EulerAncestralDiscreteScheduler",
        "LMSDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "DEISMultistepScheduler",
        "UniPCMultistepScheduler",
    ),
    _TwoCallsMixin: ("KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"),
    _StepLengthMixin: ("DDIMScheduler",),
}

_SUBCLASSES = {name: _subclass(mixin, name) for mixin, names in _MIXINS.items() for name in names}


def scheduler_class(name: str) -> Any:
    """Return diffusers' scheduler class of that name, or the subclass here that also accepts a list of timesteps."""
    return _SUBCLASSES.get(name) or getattr(diffusers, name)


_SPACING_FLAGS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")

_MIN_SIGNAL = (
    2.0**-24
)  # share of the image left in pure noise, diffusers' value in its Euler scheduler: log(0) is undefined


class Schedulers:
    """Schedulers of one checkpoint by sampler and schedule, made from its own scheduler config and cached."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        # diffusers resets every setting in this list to its default, even those set below: keep the chosen
        # ones only.
        unset = {*config.get("_use_default_values", ()), "_use_default_values"}
        self.config = _with_zero_snr({name: value for name, value in config.items() if name not in unset})
        self._made: dict[tuple[str, str, bool], Any] = {}

    def find(self, name: str, schedule: str = samplers.AUTOMATIC, plain: bool = False) -> Any:
        """Return the scheduler of the sampler `name`, with its spacing of noise levels.

        The sampler's own spacing wins over `schedule`. `plain`: without a spacing, for explicit timesteps.
        """
        sampler = samplers.find_sampler(name)
        spacing = schedule if sampler.schedule == samplers.AUTOMATIC else sampler.schedule
        return self._make(sampler.scheduler, dict(sampler.options), "" if plain else spacing)

    def _make(self, scheduler: str, options: Mapping[str, Any], spacing: str) -> Any:
        key = (scheduler + str(sorted(options.items())), spacing, not spacing)
        if key not in self._made:
            more = samplers.SCHEDULES[spacing] if spacing else {}
            # DDIM and DDPM clip predicted images; SDXL predicts latents, which have no fixed range.
            free = {"clip_sample": False, "thresholding": False, **dict.fromkeys(_SPACING_FLAGS, False)}
            self._made[key] = scheduler_class(scheduler).from_config(
                {**self.config, **free, **options, **more}
            )
        return self._made[key]

    def for_text_to_image(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """Return the scheduler and the pipeline's arguments to paint from nothing."""
        scheduler = self._native_scheduler(painting)
        if scheduler is not None:
            return scheduler, {"num_inference_steps": painting.steps}
        return self._at_levels(painting, self.grid(painting))

    def for_image_to_image(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """Return the scheduler and the pipeline's arguments to paint over an image at exactly `painting.strength`.

        diffusers runs int(steps * strength) steps of a fixed grid, which turns a smooth curve into a
        staircase. The pipeline gets the noise levels themselves instead, with a strength of 1 so that it runs
        all of them.
        """
        scheduler, arguments = self._at_levels(
            painting, timesteps_for_strength(self.grid(painting), painting)
        )
        return scheduler, {**arguments, "strength": 1.0}

    def grid(self, painting: Painting) -> NDArray[np.float64]:
        """Return the falling timesteps of a painting pass from pure noise, one per step."""
        if samplers.effective_schedule(painting) == "align_your_steps":
            return _align_your_steps(painting.steps)
        # Not every diffusers scheduler supports every spacing; its Euler supports all of them.
        grid = self._native_scheduler(painting)
        if grid is None:
            grid = self._make("EulerDiscreteScheduler", {}, samplers.effective_schedule(painting))
        grid.set_timesteps(painting.steps)
        # Samplers with two model calls per step list each level twice, or add one between two.
        levels = grid.timesteps.numpy().astype(np.float64)[:: grid.order]
        return np.unique(levels)[::-1]

    def _native_scheduler(self, painting: Painting) -> Any:
        """Return the sampler's own scheduler if it supports the painting's spacing, else None."""
        spacing = samplers.effective_schedule(painting)
        scheduler = self.find(painting.sampler, spacing)
        known = inspect.signature(type(scheduler).__init__).parameters
        knows = spacing != "align_your_steps" and samplers.SCHEDULES[spacing].keys() <= known.keys()
        return scheduler if knows else None

    def _at_levels(self, painting: Painting, levels: NDArray[np.float64]) -> tuple[Any, dict[str, Any]]:
        """Return the sampler's scheduler and the pipeline's arguments to run it at the timesteps `levels`."""
        scheduler = self.find(painting.sampler, plain=True)
        if samplers.find_sampler(painting.sampler).integer_timesteps:
            levels = np.rint(levels)  # this scheduler looks levels up in a table of whole timesteps
        return scheduler, {"timesteps": _strictly_falling(levels).tolist()}


def timesteps_for_strength(grid: NDArray[np.float64], painting: Painting) -> NDArray[np.float64]:
    """Return falling timesteps, one for each step that runs; the first is the noise level of `painting.strength`.

    Strength x starts at the fraction x of the way up the sampler's own falling `grid`, interpolated between
    its entries. A strength that hits an entry starts where diffusers starts.
    """
    levels = np.append(grid, 0.0)  # no noise is left after the last step
    whole = len(levels) - 1
    places = np.linspace(
        whole * (1 - painting.strength), whole, samplers.effective_steps(painting), endpoint=False
    )
    return np.asarray(np.interp(places, np.arange(whole + 1), levels), dtype=np.float64)


def _strictly_falling(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `levels` raised where needed so that they fall strictly and never below 0."""
    floor = np.arange(len(levels))[::-1]
    return np.asarray(np.maximum(levels, floor), dtype=np.float64)


def _align_your_steps(steps: int) -> NDArray[np.float64]:
    """Return the Align Your Steps timesteps for SDXL: ten published levels (Sabour et al. 2024), else interpolated."""
    ten = np.array(AysSchedules["StableDiffusionXLTimesteps"], np.float64)
    return np.asarray(np.interp(np.linspace(0, len(ten) - 1, steps), np.arange(len(ten)), ten))


def _with_zero_snr(config: dict[str, Any]) -> dict[str, Any]:
    """Return `config` with its zero-terminal-SNR setting replaced by trained betas.

    The betas make every scheduler start from pure noise; only some of diffusers' schedulers support the
    setting.
    """
    if not config.pop("rescale_betas_zero_snr", False):
        return config
    betas = diffusers.DDIMScheduler.from_config(config).betas.to(torch.float64)
    betas = rescale_zero_terminal_snr(betas)
    betas[-1] = 1 - _MIN_SIGNAL / torch.cumprod(1 - betas, 0)[-2]
    return {**config, "trained_betas": betas.tolist()}


NoiseTransform = Callable[[torch.Tensor], torch.Tensor]


PARALLEL_ANGLE = 1e-4  # radians: below this angle an arc equals a line within rounding, and a line is stable


def slerp(a: torch.Tensor, b: torch.Tensor, amount: float, dim: int | None = None) -> torch.Tensor:
    """Interpolate spherically from `a` (amount 0) to `b` (amount 1); the shape and dtype are those of `a`.

    Each vector along the axis `dim` rotates by itself; by default the whole tensor is one vector. Between noises,
    linear interpolation would reduce the deviation, and the result would no longer be unit noise.
    """
    if amount == 0:
        return a
    one, two = a.float(), b.float()
    lengths = one.norm(dim=dim, keepdim=True) * two.norm(dim=dim, keepdim=True)
    cosine = (one * two).sum(dim, keepdim=True) / lengths.clamp_min(1e-12)
    angle = torch.acos(cosine.clamp(-1.0, 1.0))
    mixed = torch.sin((1 - amount) * angle) * one + torch.sin(amount * angle) * two
    # The arc is undefined between equal vectors and ambiguous between opposite ones.
    flat = (angle < PARALLEL_ANGLE) | (angle > torch.pi - PARALLEL_ANGLE)
    return torch.where(flat, torch.lerp(one, two, amount), mixed / torch.sin(angle)).to(a.dtype)


def noise_transform(frame: Frame) -> NoiseTransform | None:
    """Return the function that mixes and scales the noise of an img2img pass of `frame`; None for unchanged noise."""
    mixed, factor = subseed_mixer(frame), frame.painting.noise_multiplier
    if mixed is None and factor == 1:
        return None
    return lambda noise: (noise if mixed is None else mixed(noise)) * factor


def subseed_mixer(frame: Frame) -> NoiseTransform | None:
    """Return a function that mixes the subseed's noise into noise on any device; None if subseed_strength is 0."""
    if not frame.subseed_strength:
        return None

    def mix(noise: torch.Tensor) -> torch.Tensor:
        other = torch.Generator("cpu").manual_seed(frame.subseed)
        drawn = torch.randn(noise.shape, generator=other, dtype=torch.float32)
        # Mixed on the CPU, because sums on a GPU round differently.
        return slerp(noise.cpu(), drawn.to(noise.dtype), frame.subseed_strength).to(noise.device)

    return mix


def patch_add_noise(scheduler: Any, change: NoiseTransform | None) -> None:
    """Patch `scheduler.add_noise`, which every img2img pipeline calls, to apply `change`; None removes the patch."""
    scheduler.__dict__.pop("add_noise", None)
    if change is None:
        return
    add = scheduler.add_noise

    def add_noise(original: torch.Tensor, noise: torch.Tensor, timesteps: Any) -> Any:
        return add(original, change(noise), timesteps)

    scheduler.add_noise = add_noise


def text_to_image_latents(
    pipe: Any, frame: Frame, width: int, height: int, generator: torch.Generator
) -> dict[str, Any]:
    """Return the pipeline's arguments with mixed noise for width x height pixels from nothing; {} without a subseed.

    The seed's noise is drawn from `generator` as diffusers draws it.
    """
    mix = subseed_mixer(frame)
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
