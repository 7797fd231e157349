"""Sampler names, and the exact noise level of a strength."""

import diffusers
import numpy as np
import pytest
from diffusers import EulerDiscreteScheduler

from animator import CurveError, samplers
from animator.diffusion.sampling import Schedulers
from animator.frame import Painting

CONFIG = dict(EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1).config)  # fmt: skip


@pytest.mark.parametrize("name", samplers.NAMES)
def test_every_sampler_is_a_scheduler_of_diffusers(name):
    scheduler = Schedulers(CONFIG).find(name)
    assert type(scheduler).__name__ == samplers.find(name).scheduler
    assert scheduler.config.beta_end == 0.012
    assert bool(scheduler.config.get("use_karras_sigmas")) == name.endswith("Karras")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("euler a", "Euler a"),
        ("dpm++ 2m  KARRAS", "DPM++ 2M Karras"),
        ("EulerDiscreteScheduler", "Euler"),
        ("EulerAncestralDiscrete", "Euler a"),
        ("DPMSolverMultistepScheduler", "DPM++ 2M"),
        ("DDIMScheduler", "DDIM"),
    ],
)
def test_a_sampler_has_its_a1111_name_or_its_diffusers_name(written, name):
    assert samplers.find(written).name == name


def test_an_unknown_sampler_is_refused_with_the_nearest():
    with pytest.raises(CurveError, match="unknown sampler 'DPM\\+\\+ 2N'; did you mean 'DPM\\+\\+ 2M'"):
        samplers.find("DPM++ 2N")


def first_level(name, painting):
    """The noise level (timestep) at which diffusers starts, and how often it asks the model."""
    scheduler, arguments = Schedulers(CONFIG).over(painting)
    pipe = diffusers.StableDiffusionXLImg2ImgPipeline
    if "timesteps" in arguments:
        scheduler.set_timesteps(timesteps=arguments["timesteps"])
    else:
        scheduler.set_timesteps(arguments["num_inference_steps"])
    owner = type("Owner", (), {"scheduler": scheduler})()
    count = arguments.get("num_inference_steps", len(arguments.get("timesteps", [])))
    levels, _ = pipe.get_timesteps(owner, count, arguments["strength"], "cpu")
    return float(levels[0]), len(levels)


@pytest.mark.parametrize("name", [name for name in samplers.NAMES if samplers.find(name).exact])
def test_the_start_level_moves_smoothly_with_strength(name):
    levels = [first_level(name, Painting(s, steps=8, sampler=name))[0] for s in np.linspace(0.30, 0.50, 21)]
    steps = np.diff(levels)
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.mean()


@pytest.mark.parametrize("name", samplers.NAMES)
@pytest.mark.parametrize("strength", [0.01, 0.1, 0.33, 0.5, 0.97, 1.0])
def test_the_steps_that_run_are_the_steps_told(name, strength):
    painting = Painting(strength, steps=8, sampler=name)
    steps = samplers.steps_run(painting)
    # Heun and DPM2 ask twice in each step but the last.
    assert first_level(name, painting)[1] == (2 * steps - 1 if name.startswith(("DPM2", "Heun")) else steps)


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M", "DDPM"])
def test_strengths_that_diffusers_can_paint_start_where_diffusers_starts(name):
    scheduler = Schedulers(CONFIG).find(name)
    scheduler.set_timesteps(8)
    for steps in range(1, 9):
        assert first_level(name, Painting(steps / 8, steps=8, sampler=name)) == (
            float(scheduler.timesteps[8 - steps]),
            steps,
        )


@pytest.mark.parametrize("name", ["Euler a", "DDIM", "UniPC", "DEIS"])
def test_other_samplers_start_at_the_level_that_is_told(name):
    painting = Painting(0.33, steps=8, sampler=name)
    scheduler = Schedulers(CONFIG).find(name)
    scheduler.set_timesteps(samplers.nearest_grid(painting))
    told = samplers.level(painting)
    assert abs(told - 0.33) < 0.04
    index = round(samplers.nearest_grid(painting) * (1 - told))
    assert first_level(name, painting)[0] == float(scheduler.timesteps[index])


def test_a_sampler_of_latents_clips_nothing():
    for name in ("DDIM", "DDPM"):
        assert not Schedulers({**CONFIG, "clip_sample": True}).find(name).config.clip_sample


def test_levels_are_whole_where_the_scheduler_looks_them_up_in_a_table():
    for name in ("DPM++ 2M", "DPM++ 2M Karras", "DDPM", "LCM"):
        _, arguments = Schedulers(CONFIG).over(Painting(0.37, steps=7, sampler=name))
        assert all(float(level).is_integer() for level in arguments["timesteps"])
        assert len(set(arguments["timesteps"])) == len(arguments["timesteps"])


def test_a_strength_that_fades_out_never_asks_for_more_steps_than_there_are():
    for strength in (1e-6, 0.0004, 0.001):
        assert first_level("DDIM", Painting(strength, steps=8, sampler="DDIM"))[1] == 1
