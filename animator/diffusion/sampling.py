"""Sampler names → diffusers schedulers; strength → the exact noise level and the steps from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
import numpy as np
from numpy.typing import NDArray

from animator import samplers
from animator.frame import Painting

_SPACINGS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")


class Schedulers:
    """The schedulers of one checkpoint, by sampler name: made from the checkpoint's own configuration, and kept."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        # diffusers drops again what stands in this list, also what we set below: keep what was really chosen.
        unset = {*config.get("_use_default_values", ()), "_use_default_values"}
        self.config = {name: value for name, value in config.items() if name not in unset}
        self._made: dict[tuple[str, bool], Any] = {}

    def find(self, name: str, plain: bool = False) -> Any:
        """The scheduler of a sampler; `plain` without its spacing of noise levels, to be given timesteps."""
        if (name, plain) not in self._made:
            sampler = samplers.find(name)
            options = {**dict.fromkeys(_SPACINGS, False), **sampler.options}
            if plain:
                options.update(dict.fromkeys(_SPACINGS, False))
            # DDIM and DDPM clip what a model of pictures predicts; ours is a model of latents, which know no
            # limits.
            config = {**self.config, "clip_sample": False, "thresholding": False, **options}
            self._made[name, plain] = getattr(diffusers, sampler.scheduler).from_config(config)
        return self._made[name, plain]

    def fresh(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """The scheduler, and the pipeline's arguments, to paint from nothing."""
        return self.find(painting.sampler), {"num_inference_steps": painting.steps}

    def over(self, painting: Painting) -> tuple[Any, dict[str, Any]]:
        """The scheduler, and the pipeline's arguments, to paint over a picture from exactly `painting.strength`.

        diffusers runs int(steps * strength) steps of a fixed grid, which makes a staircase of a smooth
        curve. We give it the noise levels themselves, with a strength of 1: "all of these". A sampler that
        takes no list of levels gets the grid on which one lies nearest.
        """
        if samplers.find(painting.sampler).exact:
            grid = self.find(painting.sampler)
            grid.set_timesteps(painting.steps)
            levels = timesteps(grid.timesteps.numpy().astype(np.float64), painting)
            plain = self.find(painting.sampler, plain=True)
            if not isinstance(plain, diffusers.EulerDiscreteScheduler | diffusers.HeunDiscreteScheduler):
                levels = np.rint(levels)  # the others look levels up in a table of whole timesteps
            return plain, {"timesteps": _falling(levels).tolist(), "strength": 1.0}
        steps = samplers.nearest_grid(painting)
        part = min(1.0, (samplers.steps_run(painting) + 0.5) / steps)  # int(steps * part) = steps_run
        return self.find(painting.sampler), {"num_inference_steps": steps, "strength": part}


def timesteps(grid: NDArray[np.float64], painting: Painting) -> NDArray[np.float64]:
    """Falling timesteps, one per step that runs: the first is the noise level that the strength names.

    The level of strength x lies at x of the way up the sampler's own grid, between its entries by
    interpolation, so that every strength that diffusers can paint is painted as diffusers does.
    """
    levels = np.append(
        np.unique(grid)[::-1], 0.0
    )  # Heun lists each level twice; after the last there is no noise
    whole = len(levels) - 1
    places = np.linspace(whole * (1 - painting.strength), whole, samplers.steps_run(painting), endpoint=False)
    return np.asarray(np.interp(places, np.arange(whole + 1), levels), dtype=np.float64)


def _falling(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """No two levels alike, none below 0."""
    floor = np.arange(len(levels))[::-1]
    return np.asarray(np.maximum(levels, floor), dtype=np.float64)
