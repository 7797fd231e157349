"""Schedulers of diffusers that take the noise levels to run at, also where diffusers' own take only their number.

Pipelines hand a list over as `set_timesteps(timesteps=...)`, as diffusers' Euler understands it. Here are the other
ones of our samplers, so that a painting can start at any level and not just at the nearest entry of a grid.
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

_Mixin: Any = object  # what it is mixed into is known only below


class _Given(_Mixin):  # type: ignore[misc]
    """Mixed into a scheduler of diffusers: its `set_timesteps` takes a list instead of a number as well."""

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
        """Lay out `num_inference_steps` steps as diffusers does, or run at `timesteps`, which fall."""
        if timesteps is None:
            super().set_timesteps(num_inference_steps, device, *more)
        else:
            self.lay_out(np.asarray(timesteps, np.float64), device)

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        raise NotImplementedError

    def sigmas_at(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """The noise of timesteps, also of such as lie between two."""
        kept = self.alphas_cumprod.numpy().astype(np.float64)
        found: NDArray[np.float64] = np.interp(levels, np.arange(len(kept)), ((1 - kept) / kept) ** 0.5)
        return found


class _BySigma(_Given):
    """One noise level a step: laid out by diffusers for that many steps, and put in the place of its levels."""

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        super(_Given, self).set_timesteps(len(levels), device=device)
        told = torch.from_numpy(levels)
        if not self.timesteps.is_floating_point():
            told = told.round()  # what the model is told; the noise is exactly that of the level
        self.timesteps = told.to(self.timesteps)
        self.sigmas = torch.cat([torch.from_numpy(self.sigmas_at(levels)).to(self.sigmas), self.sigmas[-1:]])


class _ByHalves(_Given):
    """Two model calls a step, at levels that diffusers works out from those it gets in place of Karras's."""

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
    """DDIM over steps of any length: diffusers' goes down by the same one each time."""

    lengths: Iterator[int] | None = None

    def set_timesteps(self, *given: Any, timesteps: Sequence[float] | None = None, **options: Any) -> None:
        self.lengths = None
        super().set_timesteps(*given, timesteps=timesteps, **options)

    def lay_out(self, levels: NDArray[np.float64], device: Any) -> None:
        self.timesteps = torch.from_numpy(levels.round().astype(np.int64)).to(device)
        ends = np.append(levels.round().astype(int), -1)  # below 0: the picture without noise
        self.lengths = iter((ends[:-1] - ends[1:]).tolist())
        self.num_inference_steps = len(levels)

    @wraps(diffusers.DDIMScheduler.step)
    def step(self, *given: Any, **options: Any) -> Any:
        if self.lengths is not None:
            # diffusers takes the whole part of (levels the model knows) / (steps) for the length.
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
    """The scheduler of that name in diffusers, or ours that takes lists and is otherwise the same."""
    return _OURS.get(name) or getattr(diffusers, name)
