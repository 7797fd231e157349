"""The samplers' names, and which noise level a strength means. Data and arithmetic; knows no torch.

Names follow the table "A1111/k-diffusion → diffusers" in diffusers' scheduler overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from animator.errors import CurveError, nearest, quoted
from animator.frame import Painting


@dataclass(frozen=True, slots=True)
class Sampler:
    """A diffusers scheduler class and the settings that make it the sampler of that name."""

    name: str
    scheduler: str  # class name in diffusers
    options: Mapping[str, object] = field(default_factory=dict)
    most: int = 1000  # steps it can run
    exact: bool = True  # takes any list of timesteps, so that any strength starts at exactly its noise level


def _family(name: str, scheduler: str, exact: bool = True, **options: object) -> list[Sampler]:
    """A sampler and its Karras variant."""
    return [
        Sampler(name, scheduler, options, exact=exact),
        Sampler(f"{name} Karras", scheduler, {**options, "use_karras_sigmas": True}, exact=exact),
    ]


_SAMPLERS = [
    *_family("Euler", "EulerDiscreteScheduler"),
    Sampler("Euler a", "EulerAncestralDiscreteScheduler", exact=False),
    *_family("Heun", "HeunDiscreteScheduler"),
    *_family("DPM++ 2M", "DPMSolverMultistepScheduler"),
    *_family("DPM++ 2M SDE", "DPMSolverMultistepScheduler", algorithm_type="sde-dpmsolver++"),
    *_family("DPM++ SDE", "DPMSolverSinglestepScheduler"),
    *_family("DPM2", "KDPM2DiscreteScheduler", exact=False),
    *_family("DPM2 a", "KDPM2AncestralDiscreteScheduler", exact=False),
    *_family("DEIS", "DEISMultistepScheduler", exact=False),
    *_family("UniPC", "UniPCMultistepScheduler", exact=False),
    Sampler("DDIM", "DDIMScheduler", exact=False),
    Sampler("DDPM", "DDPMScheduler"),
    Sampler("LCM", "LCMScheduler", most=50),  # the steps it was distilled over
]

NAMES = tuple(sampler.name for sampler in _SAMPLERS)
_BY_NAME = {
    # A diffusers class name means the plain form, which stands first.
    **{s.scheduler.lower(): s for s in reversed(_SAMPLERS)},
    **{s.scheduler.removesuffix("Scheduler").lower(): s for s in reversed(_SAMPLERS)},
    **{s.name.lower(): s for s in _SAMPLERS},
}


def find(name: str) -> Sampler:
    """The sampler of that name (A1111's, or a diffusers class, whatever the case). Raises CurveError."""
    found = _BY_NAME.get(" ".join(name.lower().split()))
    if found is None:
        raise CurveError(f"unknown sampler {quoted(name)}; {nearest(name, NAMES)}")
    return found


def steps_run(painting: Painting) -> int:
    """How many model steps an img2img painting runs: none at strength 0, else at least one."""
    return max(1, round(painting.steps * painting.strength)) if painting.strength > 0 else 0


def nearest_grid(painting: Painting) -> int:
    """The number of steps of the full grid on which `steps_run` steps start nearest to the strength asked for."""
    return min(find(painting.sampler).most, round(steps_run(painting) / painting.strength))


def level(painting: Painting) -> float:
    """The strength that is really painted, 0..1: the one asked for, or the nearest the sampler can start at."""
    if painting.strength == 0 or find(painting.sampler).exact:
        return painting.strength
    return steps_run(painting) / nearest_grid(painting)
