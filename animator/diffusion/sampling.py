"""Samplers as diffusers schedulers, and the exact timesteps at which a strength starts."""

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
        sampler = samplers.find(name)
        spacing = schedule if sampler.schedule == samplers.AUTOMATIC else sampler.schedule
        return self._make(sampler.scheduler, dict(sampler.options), "" if plain else spacing)

    def _make(self, scheduler: str, options: Mapping[str, Any], spacing: str) -> Any:
        key = (scheduler + str(sorted(options.items())), spacing, not spacing)
        if key not in self._made:
            more = samplers.SCHEDULES[spacing] if spacing else {}
            # DDIM and DDPM clip predicted images; SDXL predicts latents, which have no fixed range.
            free = {"clip_sample": False, "thresholding": False, **dict.fromkeys(_SPACINGS, False)}
            self._made[key] = scheduler_class(scheduler).from_config(
                {**self.config, **free, **options, **more}
            )
        return self._made[key]

    def fresh(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """Return the scheduler and the pipeline's arguments to paint from nothing."""
        scheduler = self._native(painting)
        if scheduler is not None:
            return scheduler, {"num_inference_steps": painting.steps}
        return self._given(painting, self.grid(painting))

    def over(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """Return the scheduler and the pipeline's arguments to paint over an image at exactly `painting.strength`.

        diffusers runs int(steps * strength) steps of a fixed grid, which turns a smooth curve into a
        staircase. The pipeline gets the noise levels themselves instead, with a strength of 1 so that it runs
        all of them.
        """
        scheduler, arguments = self._given(painting, timesteps(self.grid(painting), painting))
        return scheduler, {**arguments, "strength": 1.0}

    def grid(self, painting: Painting) -> NDArray[np.float64]:
        """Return the falling timesteps of a painting pass from pure noise, one per step."""
        if samplers.schedule(painting) == "align_your_steps":
            return _aligned(painting.steps)
        # Not every diffusers scheduler supports every spacing; its Euler supports all of them.
        grid = self._native(painting)
        if grid is None:
            grid = self._make("EulerDiscreteScheduler", {}, samplers.schedule(painting))
        grid.set_timesteps(painting.steps)
        # Samplers with two model calls per step list each level twice, or add one between two.
        levels = grid.timesteps.numpy().astype(np.float64)[:: grid.order]
        return np.unique(levels)[::-1]

    def _native(self, painting: Painting) -> Any:
        """Return the sampler's own scheduler if it supports the painting's spacing, else None."""
        spacing = samplers.schedule(painting)
        scheduler = self.find(painting.sampler, spacing)
        known = inspect.signature(type(scheduler).__init__).parameters
        knows = spacing != "align_your_steps" and samplers.SCHEDULES[spacing].keys() <= known.keys()
        return scheduler if knows else None

    def _given(self, painting: Painting, levels: NDArray[np.float64]) -> tuple[Any, dict[str, Any]]:
        """Return the sampler's scheduler and the pipeline's arguments to run it at the timesteps `levels`."""
        scheduler = self.find(painting.sampler, plain=True)
        if samplers.find(painting.sampler).whole:
            levels = np.rint(levels)  # this scheduler looks levels up in a table of whole timesteps
        return scheduler, {"timesteps": _falling(levels).tolist()}


def timesteps(grid: NDArray[np.float64], painting: Painting) -> NDArray[np.float64]:
    """Return falling timesteps, one for each step that runs; the first is the noise level of `painting.strength`.

    Strength x starts at the fraction x of the way up the sampler's own falling `grid`, interpolated between
    its entries. A strength that hits an entry starts where diffusers starts.
    """
    levels = np.append(grid, 0.0)  # no noise is left after the last step
    whole = len(levels) - 1
    places = np.linspace(whole * (1 - painting.strength), whole, samplers.steps_run(painting), endpoint=False)
    return np.asarray(np.interp(places, np.arange(whole + 1), levels), dtype=np.float64)


def _falling(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `levels` raised where needed so that they fall strictly and never below 0."""
    floor = np.arange(len(levels))[::-1]
    return np.asarray(np.maximum(levels, floor), dtype=np.float64)


def _aligned(steps: int) -> NDArray[np.float64]:
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
    betas[-1] = 1 - _ALMOST_NOISE / torch.cumprod(1 - betas, 0)[-2]
    return {**config, "trained_betas": betas.tolist()}
