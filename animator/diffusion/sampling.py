"""Sampler names → diffusers schedulers; strength → the exact noise level and the steps from there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.schedulers import AysSchedules
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from numpy.typing import NDArray

from animator.diffusion.schedulers import scheduler_class
from animator.frame import Painting
from animator.models import samplers

_SPACINGS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")
_ANY_LEVEL = (diffusers.EulerDiscreteScheduler, diffusers.HeunDiscreteScheduler)  # of diffusers' own
_ALMOST_NOISE = (
    2.0**-24
)  # of the picture left in "nothing but noise", as diffusers' Euler has it: 0 has no logarithm


class Schedulers:
    """The schedulers of one checkpoint, by sampler and schedule: made from its own configuration, and kept."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        # diffusers drops again what stands in this list, also what we set below: keep what was really chosen.
        unset = {*config.get("_use_default_values", ()), "_use_default_values"}
        self.config = _with_zero_snr({name: value for name, value in config.items() if name not in unset})
        self._made: dict[tuple[str, str, bool], Any] = {}

    def find(self, name: str, schedule: str = samplers.AUTOMATIC, plain: bool = False) -> Any:
        """The scheduler of a sampler with its spacing of noise levels; `plain`, without, to be given timesteps."""
        sampler = samplers.find(name)
        spacing = schedule if sampler.schedule == samplers.AUTOMATIC else sampler.schedule
        return self._make(sampler.scheduler, dict(sampler.options), "" if plain else spacing)

    def _make(self, scheduler: str, options: Mapping[str, Any], spacing: str) -> Any:
        key = (scheduler + str(sorted(options.items())), spacing, not spacing)
        if key not in self._made:
            more = samplers.SCHEDULES[spacing] if spacing else {}
            # DDIM and DDPM clip what a model of pictures predicts; ours is a model of latents, which know no
            # limits.
            free = {"clip_sample": False, "thresholding": False, **dict.fromkeys(_SPACINGS, False)}
            self._made[key] = scheduler_class(scheduler).from_config(
                {**self.config, **free, **options, **more}
            )
        return self._made[key]

    def fresh(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """The scheduler, and the pipeline's arguments, to paint from nothing."""
        scheduler = self._native(painting)
        if scheduler is not None:
            return scheduler, {"num_inference_steps": painting.steps}
        return self._given(painting, self.grid(painting))

    def over(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """The scheduler, and the pipeline's arguments, to paint over a picture from exactly `painting.strength`.

        diffusers runs int(steps * strength) steps of a fixed grid, which makes a staircase of a smooth
        curve. We give it the noise levels themselves, with a strength of 1: "all of these".
        """
        scheduler, arguments = self._given(painting, timesteps(self.grid(painting), painting))
        return scheduler, {**arguments, "strength": 1.0}

    def grid(self, painting: Painting) -> NDArray[np.float64]:
        """The timesteps of a full painting, falling."""
        if samplers.schedule(painting) == "align_your_steps":
            return _aligned(painting.steps)
        # Not every scheduler of diffusers knows every spacing; its Euler knows all of them.
        grid = self._native(painting)
        if grid is None:
            grid = self._make("EulerDiscreteScheduler", {}, samplers.schedule(painting))
        grid.set_timesteps(painting.steps)
        # Samplers that ask twice a step list levels twice, or one between two.
        levels = grid.timesteps.numpy().astype(np.float64)[:: grid.order]
        return np.unique(levels)[::-1]

    def _native(self, painting: Painting) -> Any:
        """The sampler's own scheduler, if that knows how to space its steps as asked; else None."""
        spacing = samplers.schedule(painting)
        scheduler = self.find(painting.sampler, spacing)
        known = inspect.signature(type(scheduler).__init__).parameters
        knows = spacing != "align_your_steps" and samplers.SCHEDULES[spacing].keys() <= known.keys()
        return scheduler if knows else None

    def _given(self, painting: Painting, levels: NDArray[np.float64]) -> tuple[Any, dict[str, Any]]:
        """The sampler's scheduler, to run at `levels`."""
        scheduler = self.find(painting.sampler, plain=True)
        if samplers.find(painting.sampler).whole:
            levels = np.rint(levels)  # it looks levels up in a table of whole timesteps
        return scheduler, {"timesteps": _falling(levels).tolist()}


def timesteps(grid: NDArray[np.float64], painting: Painting) -> NDArray[np.float64]:
    """Falling timesteps, one per step that runs: the first is the noise level that the strength names.

    The level of strength x lies at x of the way up the sampler's own grid, between its entries by
    interpolation, so that every strength that diffusers can paint is painted as diffusers does.
    """
    levels = np.append(grid, 0.0)  # after the last there is no noise
    whole = len(levels) - 1
    places = np.linspace(whole * (1 - painting.strength), whole, samplers.steps_run(painting), endpoint=False)
    return np.asarray(np.interp(places, np.arange(whole + 1), levels), dtype=np.float64)


def _falling(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """No two levels alike, none below 0."""
    floor = np.arange(len(levels))[::-1]
    return np.asarray(np.maximum(levels, floor), dtype=np.float64)


def _aligned(steps: int) -> NDArray[np.float64]:
    """Align Your Steps for SDXL: ten published levels (Sabour and others 2024), for other numbers of steps between."""
    ten = np.array(AysSchedules["StableDiffusionXLTimesteps"], np.float64)
    return np.asarray(np.interp(np.linspace(0, len(ten) - 1, steps), np.arange(len(ten)), ten))


def _with_zero_snr(config: dict[str, Any]) -> dict[str, Any]:
    """`config` whose noise ends in nothing but noise, for every scheduler: only some of them know the setting."""
    if not config.pop("rescale_betas_zero_snr", False):
        return config
    betas = diffusers.DDIMScheduler.from_config(config).betas.to(torch.float64)
    betas = rescale_zero_terminal_snr(betas)
    betas[-1] = 1 - _ALMOST_NOISE / torch.cumprod(1 - betas, 0)[-2]
    return {**config, "trained_betas": betas.tolist()}
