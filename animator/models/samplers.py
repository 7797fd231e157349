"""The samplers' names, how their steps are spaced, and the steps that a strength means. Data; knows no torch.

Names follow the tables "A1111/k-diffusion → diffusers" in diffusers' scheduler overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from animator.errors import CurveError, nearest, quoted
from animator.frame import Painting

AUTOMATIC = "automatic"

# How the steps are spaced between noise and picture: diffusers' settings, by A1111's "schedule type" and ComfyUI's
# "scheduler". What "automatic" means is up to the checkpoint and the sampler.
SCHEDULES: Mapping[str, Mapping[str, object]] = {
    AUTOMATIC: {},
    "uniform": {"timestep_spacing": "linspace"},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"timestep_spacing": "linspace", "use_exponential_sigmas": True},
    "beta": {"timestep_spacing": "linspace", "use_beta_sigmas": True},
    "sgm_uniform": {"timestep_spacing": "trailing"},
    "simple": {"timestep_spacing": "trailing"},
    "ddim_uniform": {"timestep_spacing": "leading"},
    "align_your_steps": {"timestep_spacing": "linspace"},  # its levels are a table of diffusers'
}
_ALSO = {"normal": "uniform", "trailing": "sgm_uniform", "leading": "ddim_uniform", "ays": "align_your_steps"}


@dataclass(frozen=True, slots=True)
class Sampler:
    """A diffusers scheduler class and the settings that make it the sampler of that name."""

    name: str
    scheduler: str  # class name in diffusers
    options: Mapping[str, object] = field(default_factory=dict)
    schedule: str = AUTOMATIC  # the spacing its name holds
    most: int = 1000  # steps it can run
    eta: bool = False  # whether `eta` means something to it
    whole: bool = False  # starts at whole timesteps of the 1000 only


def _family(name: str, scheduler: str, **options: object) -> list[Sampler]:
    """A sampler and its Karras variant."""
    plain = Sampler(name, scheduler, options)
    return [plain, replace(plain, name=f"{name} Karras", schedule="karras")]


_SDE = {"algorithm_type": "sde-dpmsolver++"}
_SAMPLERS = [
    *_family("Euler", "EulerDiscreteScheduler"),
    Sampler("Euler a", "EulerAncestralDiscreteScheduler"),
    *_family("Heun", "HeunDiscreteScheduler"),
    *_family("LMS", "LMSDiscreteScheduler"),
    *_family("DPM++ 2M", "DPMSolverMultistepScheduler"),
    *_family("DPM++ 2M SDE", "DPMSolverMultistepScheduler", **_SDE),
    *_family("DPM++ 2M SDE Heun", "DPMSolverMultistepScheduler", **_SDE, solver_type="heun"),
    *_family("DPM++ 3M SDE", "DPMSolverMultistepScheduler", **_SDE, solver_order=3),
    *_family("DPM++ SDE", "DPMSolverSinglestepScheduler"),
    *_family("DPM++ 2S a", "DPMSolverSinglestepScheduler"),  # diffusers' nearest to it
    *_family("DPM2", "KDPM2DiscreteScheduler"),
    *_family("DPM2 a", "KDPM2AncestralDiscreteScheduler"),
    *_family("DEIS", "DEISMultistepScheduler"),
    *_family("UniPC", "UniPCMultistepScheduler"),
    Sampler("DDIM", "DDIMScheduler", eta=True, whole=True),
    Sampler("DDPM", "DDPMScheduler", whole=True),
    Sampler("LCM", "LCMScheduler", most=50, whole=True),  # the steps it was distilled over
    Sampler("TCD", "TCDScheduler", most=50, eta=True, whole=True),
]

NAMES = tuple(sampler.name for sampler in _SAMPLERS)
_COMFY = {
    "euler_ancestral": "Euler a",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "uni_pc": "UniPC",
}
# Samplers of the webui that diffusers has no scheduler for, or none that starts at a given level; what is nearest.
LACKING = {
    "plms": "DDIM",
    "ddim cfg++": "DDIM",
    "dpm fast": "DPM++ 2M",
    "dpm adaptive": "DPM++ 2M",
    "restart": "Heun",
}
_NAMED = {sampler.name.lower(): sampler for sampler in _SAMPLERS}
_BY_NAME = {
    # A diffusers class name means the plain form, which stands first.
    **{s.scheduler.lower(): s for s in reversed(_SAMPLERS)},
    **{s.scheduler.removesuffix("Scheduler").lower(): s for s in reversed(_SAMPLERS)},
    **{name: _NAMED[sampler.lower()] for name, sampler in _COMFY.items()},
    **_NAMED,
}


def find(name: str) -> Sampler:
    """The sampler of that name, whatever the case: A1111's, ComfyUI's or a diffusers class. Raises CurveError.

    Any sampler's name may end in a schedule: "Euler a Exponential", "dpmpp_2m karras", "DPM++ 2M SGM Uniform".
    """
    words = _plain(name)
    if words in _BY_NAME:
        return _BY_NAME[words]
    for schedule in (*SCHEDULES, *_ALSO):
        ending = f" {schedule.replace('_', ' ')}"
        plain = words.replace("_", " ").removesuffix(ending) != words.replace("_", " ")
        found = _BY_NAME.get(words[: -len(ending)]) if plain else None
        if found is not None and found.schedule == AUTOMATIC:
            return _spaced(found, _ALSO.get(schedule, schedule))
    if words.replace("_", " ") in LACKING:
        best = LACKING[words.replace("_", " ")]
        raise CurveError(f"{quoted(name)} is no sampler of diffusers; the nearest is {best!r}")
    raise CurveError(f"unknown sampler {quoted(name)}; {nearest(name, NAMES)}")


def _plain(name: str) -> str:
    """In lower case, without what says whose sampler it is (`k_euler`) or where noise is drawn (`dpmpp_sde_gpu`)."""
    return " ".join(name.lower().removeprefix("k_").replace("_gpu", "").split())


def _spaced(sampler: Sampler, schedule: str) -> Sampler:
    if schedule == AUTOMATIC:
        return sampler
    title = "SGM Uniform" if schedule == "sgm_uniform" else schedule.replace("_", " ").title()
    return replace(sampler, name=f"{sampler.name} {title}", schedule=schedule)


def find_schedule(name: str) -> str:
    """The schedule of that name, whatever the case, with blanks or underscores. Raises CurveError."""
    word = "_".join(name.lower().replace("-", "_").split())
    found = _ALSO.get(word, word)
    if found not in SCHEDULES:
        raise CurveError(f"unknown schedule {quoted(name)}; {nearest(name, tuple(SCHEDULES))}")
    return found


def schedule(painting: Painting) -> str:
    """How the steps of a painting are spaced. Raises CurveError where sampler and schedule name two ways."""
    named = find(painting.sampler).schedule
    if AUTOMATIC in (named, painting.schedule) or named == painting.schedule:
        return named if painting.schedule == AUTOMATIC else painting.schedule
    raise CurveError(f"{painting.sampler} is spaced by {named}, the schedule says {painting.schedule}")


LAYOUT = 0.6  # measured with nano at 384x384: up to 0.5 shapes stay, from 0.7 on they are found anew


def lays_out(strength: float) -> bool:
    """Whether a painting with that strength decides anew what is where; 1: from nothing."""
    return strength >= LAYOUT


def steps_run(painting: Painting) -> int:
    """How many model steps an img2img painting runs: none at strength 0, else at least one."""
    return max(1, round(painting.steps * painting.strength)) if painting.strength > 0 else 0
