"""Sampler names, step schedules, and the number of steps at a given strength. Data only; needs no torch.

The names follow the tables "A1111/k-diffusion → diffusers" in diffusers' scheduler overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from animator.errors import CurveError, quote_text, suggest
from animator.frame import Painting

AUTOMATIC = "automatic"

# Spacing of the steps between noise and image: A1111's "schedule type" or ComfyUI's "scheduler" → diffusers'
# settings. "automatic" leaves the spacing to the checkpoint and the sampler.
SCHEDULES: Mapping[str, Mapping[str, object]] = {
    AUTOMATIC: {},
    "uniform": {"timestep_spacing": "linspace"},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"timestep_spacing": "linspace", "use_exponential_sigmas": True},
    "beta": {"timestep_spacing": "linspace", "use_beta_sigmas": True},
    "sgm_uniform": {"timestep_spacing": "trailing"},
    "simple": {"timestep_spacing": "trailing"},
    "ddim_uniform": {"timestep_spacing": "leading"},
    "align_your_steps": {"timestep_spacing": "linspace"},  # diffusers has a table of its noise levels
}
_SCHEDULE_ALIASES = {
    "normal": "uniform",
    "trailing": "sgm_uniform",
    "leading": "ddim_uniform",
    "ays": "align_your_steps",
}


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampler's name, its diffusers scheduler class, and the options that the class is made with."""

    name: str
    scheduler: str  # class name in diffusers
    options: Mapping[str, object] = field(default_factory=dict)
    schedule: str = AUTOMATIC  # the schedule that its name includes
    max_steps: int = 1000  # maximum number of steps
    uses_eta: bool = False  # True if it uses `eta`
    integer_timesteps: bool = False  # True if it can start only at integer timesteps, 0..999


def _with_karras(name: str, scheduler: str, **options: object) -> list[Sampler]:
    """Return a sampler and its Karras variant."""
    plain = Sampler(name, scheduler, options)
    return [plain, replace(plain, name=f"{name} Karras", schedule="karras")]


_SDE = {"algorithm_type": "sde-dpmsolver++"}
_SAMPLERS = [
    *_with_karras("Euler", "EulerDiscreteScheduler"),
    Sampler("Euler a", "EulerAncestralDiscreteScheduler"),
    *_with_karras("Heun", "HeunDiscreteScheduler"),
    *_with_karras("LMS", "LMSDiscreteScheduler"),
    *_with_karras("DPM++ 2M", "DPMSolverMultistepScheduler"),
    *_with_karras("DPM++ 2M SDE", "DPMSolverMultistepScheduler", **_SDE),
    *_with_karras("DPM++ 2M SDE Heun", "DPMSolverMultistepScheduler", **_SDE, solver_type="heun"),
    *_with_karras("DPM++ 3M SDE", "DPMSolverMultistepScheduler", **_SDE, solver_order=3),
    *_with_karras("DPM++ SDE", "DPMSolverSinglestepScheduler"),
    *_with_karras("DPM++ 2S a", "DPMSolverSinglestepScheduler"),  # the nearest that diffusers has
    *_with_karras("DPM2", "KDPM2DiscreteScheduler"),
    *_with_karras("DPM2 a", "KDPM2AncestralDiscreteScheduler"),
    *_with_karras("DEIS", "DEISMultistepScheduler"),
    *_with_karras("UniPC", "UniPCMultistepScheduler"),
    Sampler("DDIM", "DDIMScheduler", uses_eta=True, integer_timesteps=True),
    Sampler("DDPM", "DDPMScheduler", integer_timesteps=True),
    Sampler(
        "LCM", "LCMScheduler", max_steps=50, integer_timesteps=True
    ),  # the number of steps it was distilled over
    Sampler("TCD", "TCDScheduler", max_steps=50, uses_eta=True, integer_timesteps=True),
]

SAMPLER_NAMES = tuple(sampler.name for sampler in _SAMPLERS)
_COMFY_NAMES = {
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
# A1111's samplers for which diffusers has no scheduler that can start at any noise level → the nearest one.
SUBSTITUTES = {
    "plms": "DDIM",
    "ddim cfg++": "DDIM",
    "dpm fast": "DPM++ 2M",
    "dpm adaptive": "DPM++ 2M",
    "restart": "Heun",
}
_BY_A1111_NAME = {sampler.name.lower(): sampler for sampler in _SAMPLERS}
_BY_NAME = {
    # A diffusers class name means the plain form, which stands first.
    **{s.scheduler.lower(): s for s in reversed(_SAMPLERS)},
    **{s.scheduler.removesuffix("Scheduler").lower(): s for s in reversed(_SAMPLERS)},
    **{name: _BY_A1111_NAME[sampler.lower()] for name, sampler in _COMFY_NAMES.items()},
    **_BY_A1111_NAME,
}


def find_sampler(name: str) -> Sampler:
    """Return the sampler called `name` in A1111, ComfyUI or diffusers, in any case. Raises CurveError.

    The name may end in a schedule: "Euler a Exponential", "dpmpp_2m karras", "DPM++ 2M SGM Uniform".
    """
    words = _normalize(name)
    if words in _BY_NAME:
        return _BY_NAME[words]
    for schedule in (*SCHEDULES, *_SCHEDULE_ALIASES):
        ending = f" {schedule.replace('_', ' ')}"
        plain = words.replace("_", " ").removesuffix(ending) != words.replace("_", " ")
        found = _BY_NAME.get(words[: -len(ending)]) if plain else None
        if found is not None and found.schedule == AUTOMATIC:
            return _with_schedule(found, _SCHEDULE_ALIASES.get(schedule, schedule))
    if words.replace("_", " ") in SUBSTITUTES:
        best = SUBSTITUTES[words.replace("_", " ")]
        raise CurveError(f"diffusers has no sampler {quote_text(name)}; the nearest is {best!r}")
    raise CurveError(f"unknown sampler {quote_text(name)}; {suggest(name, SAMPLER_NAMES)}")


def _normalize(name: str) -> str:
    """Return `name` in lower case, without the prefix of `k_euler` and the suffix of `dpmpp_sde_gpu`."""
    return " ".join(name.lower().removeprefix("k_").replace("_gpu", "").split())


def _with_schedule(sampler: Sampler, schedule: str) -> Sampler:
    if schedule == AUTOMATIC:
        return sampler
    title = "SGM Uniform" if schedule == "sgm_uniform" else schedule.replace("_", " ").title()
    return replace(sampler, name=f"{sampler.name} {title}", schedule=schedule)


def find_schedule(name: str) -> str:
    """Return the key of SCHEDULES for `name`, in any case, with spaces, - or _. Raises CurveError."""
    word = "_".join(name.lower().replace("-", "_").split())
    found = _SCHEDULE_ALIASES.get(word, word)
    if found not in SCHEDULES:
        raise CurveError(f"unknown schedule {quote_text(name)}; {suggest(name, tuple(SCHEDULES))}")
    return found


def effective_schedule(painting: Painting) -> str:
    """Return the schedule of a painting pass. Raises CurveError if sampler and schedule contradict each other."""
    named = find_sampler(painting.sampler).schedule
    if AUTOMATIC in (named, painting.schedule) or named == painting.schedule:
        return named if painting.schedule == AUTOMATIC else painting.schedule
    raise CurveError(f"{painting.sampler} has the schedule {named}, but 'schedule' is {painting.schedule}")


LAYOUT_STRENGTH = (
    0.6  # measured with nano at 384x384: up to a strength of 0.5 shapes stay, from 0.7 on they change
)


def redoes_layout(strength: float) -> bool:
    """Return whether a painting pass at this strength (0..1) redoes the image's layout instead of keeping it."""
    return strength >= LAYOUT_STRENGTH


def effective_steps(painting: Painting) -> int:
    """Return the number of model steps that an img2img pass runs: 0 at strength 0, otherwise at least 1."""
    return max(1, round(painting.steps * painting.strength)) if painting.strength > 0 else 0
