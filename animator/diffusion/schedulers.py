"""Diffusers schedulers extended to run at a given list of timesteps.

Pipelines pass the list as `set_timesteps(timesteps=...)`, which diffusers supports in its Euler scheduler.
These subclasses support it for the other samplers, so that a painting pass can start at any noise level and
not just at the nearest entry of a grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import wraps
from typing import Any

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray

_Mixin: Any = object  # Any: type checkers cannot know the scheduler that a mixin is combined with


class _Given(_Mixin):  # type: ignore[misc]
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
        """Prepare `num_inference_steps` steps as diffusers does, or the falling `timesteps`."""
        if timesteps is None:
            super().set_timesteps(num_inference_steps, device, *more)
        else:
            self.lay_out(np.asarray(timesteps, np.float64), device)

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        """Prepare the steps at the falling timesteps `levels`."""
        raise NotImplementedError

    def sigmas_at(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sigma of each timestep in `levels`, interpolated between whole timesteps."""
        kept = self.alphas_cumprod.numpy().astype(np.float64)
        found: NDArray[np.float64] = np.interp(levels, np.arange(len(kept)), ((1 - kept) / kept) ** 0.5)
        return found


class _BySigma(_Given):
    """Mixin for schedulers with one noise level per step: replaces the levels that diffusers prepared."""

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        super(_Given, self).set_timesteps(len(levels), device=device)
        told = torch.from_numpy(levels)
        if not self.timesteps.is_floating_point():
            told = told.round()  # the model's conditioning; the sigmas stay exact
        self.timesteps = told.to(self.timesteps)
        self.sigmas = torch.cat([torch.from_numpy(self.sigmas_at(levels)).to(self.sigmas), self.sigmas[-1:]])


class _ByHalves(_Given):
    """Mixin for schedulers with two model calls per step: passes the levels to diffusers as Karras sigmas.

    diffusers derives the intermediate levels from them.
    """

    given: NDArray[np.float64] | None = None

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        self.given = self.sigmas_at(levels)
        karras = self.config.use_karras_sigmas
        self.register_to_config(use_karras_sigmas=True)
        try:
            super(_Given, self).set_timesteps(len(levels), device=device)
        finally:
            self.given = None
            self.register_to_config(use_karras_sigmas=karras)

    def _convert_to_karras(self, in_sigmas: Any, num_inference_steps: int) -> Any:
        return (
            super()._convert_to_karras(in_sigmas, num_inference_steps) if self.given is None else self.given
        )


class _ByLength(_Given):
    """Mixin for DDIM with steps of any length; diffusers' own DDIM takes steps of equal length."""

    lengths: Iterator[int] | None = None

    def set_timesteps(self, *given: Any, timesteps: Sequence[float] | None = None, **options: Any) -> None:
        self.lengths = None
        super().set_timesteps(*given, timesteps=timesteps, **options)

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        self.timesteps = torch.from_numpy(levels.round().astype(np.int64)).to(device)
        ends = np.append(levels.round().astype(int), -1)  # below 0: no noise left
        self.lengths = iter((ends[:-1] - ends[1:]).tolist())
        self.num_inference_steps = len(levels)

    @wraps(diffusers.DDIMScheduler.step)
    def step(self, *given: Any, **options: Any) -> Any:
        if self.lengths is not None:
            # diffusers computes the length of a step as num_train_timesteps // num_inference_steps.
            self.num_inference_steps = Fraction(self.config.num_train_timesteps, next(self.lengths))
        return super().step(*given, **options)


def _mixed(mixin: type, name: str) -> type:
    base = getattr(diffusers, name)
    return type(name, (mixin, base), {"__doc__": f"{base.__name__} that takes a list of timesteps."})


_MIXED = {
    _BySigma: (
        "EulerAncestralDiscreteScheduler",
        "LMSDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "DEISMultistepScheduler",
        "UniPCMultistepScheduler",
    ),
    _ByHalves: ("KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"),
    _ByLength: ("DDIMScheduler",),
}
_OURS = {name: _mixed(mixin, name) for mixin, names in _MIXED.items() for name in names}


def scheduler_class(name: str) -> Any:
    """Return diffusers' scheduler class of that name, or the subclass here that also accepts a list of timesteps."""
    return _OURS.get(name) or getattr(diffusers, name)
