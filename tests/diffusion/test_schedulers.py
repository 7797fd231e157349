"""Sampler names, and the exact noise level at which a strength starts."""

import inspect

import diffusers
import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_img2img import retrieve_timesteps

from animator import CurveError
from animator.diffusion.noise_levels import Schedulers
from animator.frame import Painting
from animator.models import samplers

CONFIG = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
}
SDXL = Schedulers(CONFIG)


@pytest.mark.parametrize("name", samplers.SAMPLER_NAMES)
def test_every_sampler_maps_to_a_diffusers_scheduler(name):
    scheduler = SDXL.find(name)
    assert type(scheduler).__name__ == samplers.find_sampler(name).scheduler
    assert scheduler.config.beta_end == 0.012
    assert isinstance(scheduler, getattr(diffusers, samplers.find_sampler(name).scheduler))
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
        ("dpmpp_2m karras", "DPM++ 2M Karras"),
        ("euler_ancestral", "Euler a"),
        ("Euler a Exponential", "Euler a Exponential"),
        ("dpmpp_2m_sde sgm_uniform", "DPM++ 2M SDE SGM Uniform"),
        ("dpmpp_3m_sde_gpu karras", "DPM++ 3M SDE Karras"),
        ("k_euler_ancestral", "Euler a"),
    ],
)
def test_samplers_accept_the_names_of_a1111_comfyui_and_diffusers(written, name):
    assert samplers.find_sampler(written).name == name


def test_an_unknown_sampler_is_refused_with_the_nearest():
    with pytest.raises(CurveError, match="unknown sampler 'DPM\\+\\+ 2N'; did you mean 'DPM\\+\\+ 2M'"):
        samplers.find_sampler("DPM++ 2N")


@pytest.mark.parametrize("name", ["DPM adaptive", "dpm_fast", "PLMS", "Restart", "DDIM CFG++"])
def test_a_webui_sampler_that_diffusers_lacks_is_refused_with_the_nearest(name):
    with pytest.raises(CurveError, match=r"diffusers has no sampler .*; the nearest is '(.*)'$") as caught:
        samplers.find_sampler(name)
    assert str(caught.value).split("'")[-2] in samplers.SAMPLER_NAMES


def first_level(painting, schedulers=SDXL):
    """Return the sigma at which diffusers' pipeline starts, and its number of model calls."""
    scheduler, arguments = schedulers.for_image_to_image(painting)
    pipe = diffusers.StableDiffusionXLImg2ImgPipeline
    levels, count = retrieve_timesteps(scheduler, None, "cpu", arguments["timesteps"])
    owner = type("Owner", (), {"scheduler": scheduler})()
    levels, _ = pipe.get_timesteps(owner, count, arguments["strength"], "cpu")
    # The amounts of noise and of the image in the start latents.
    none, all_of_it = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    noise, kept = (
        float(scheduler.add_noise(*pair, levels[:1]).mean())
        for pair in ((none, all_of_it), (all_of_it, none))
    )
    return noise / kept, len(levels)


def sigma(level, config=CONFIG):
    """Return the sigma of a timestep, interpolated in the model's own table."""
    kept = EulerDiscreteScheduler.from_config(config).alphas_cumprod.numpy().astype(np.float64)
    return np.interp(level, np.arange(1000), ((1 - kept) / kept) ** 0.5)


def named(painting):
    """Return the timestep of a strength: that fraction of the way up the full grid."""
    grid = np.append(SDXL.grid(painting), 0.0)
    return np.interp((len(grid) - 1) * (1 - painting.strength), np.arange(len(grid)), grid)


def combined(name):
    """Return the schedules that a sampler can be combined with."""
    return [
        one for one in samplers.SCHEDULES if samplers.find_sampler(name).schedule in (samplers.AUTOMATIC, one)
    ]


@pytest.mark.parametrize("name", samplers.SAMPLER_NAMES)
def test_with_any_schedule_a_pass_starts_at_exactly_the_level_of_its_strength(name):
    for schedule in combined(name):
        for strength in (0.37, 0.5):
            painting = Painting(strength, steps=8, sampler=name, schedule=schedule)
            level = (
                round(named(painting)) if samplers.find_sampler(name).integer_timesteps else named(painting)
            )
            assert first_level(painting)[0] == pytest.approx(sigma(level), rel=1e-3)


RIGHT = Schedulers({**CONFIG, "prediction_type": "sample"})  # for a model that predicts the clean sample


@pytest.mark.parametrize(
    "name", [name for name in samplers.SAMPLER_NAMES if "DPM2" not in name and name != "Euler a"]
)
def test_with_any_schedule_a_perfect_model_is_sampled_to_its_image(name):
    image = torch.linspace(-1, 1, 64).reshape(1, 4, 4, 4)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    for schedule in combined(name):
        scheduler, arguments = RIGHT.for_image_to_image(
            Painting(0.6, steps=8, sampler=name, schedule=schedule)
        )
        scheduler.set_timesteps(timesteps=arguments["timesteps"])
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        latents = begun = scheduler.add_noise(image, noise, scheduler.timesteps[:1])
        drawn = {"generator"} & set(inspect.signature(scheduler.step).parameters)
        for step in scheduler.timesteps:
            options = {name: torch.Generator().manual_seed(2) for name in drawn}
            latents = scheduler.step(image, step, latents, return_dict=False, **options)[0]
        # Some samplers end at the model's first level, which has almost no noise.
        assert (latents - image).abs().mean() < 0.2 * (begun - image).abs().mean()


@pytest.mark.parametrize("name", samplers.SAMPLER_NAMES)
def test_the_start_level_moves_smoothly_with_strength(name):
    levels = [first_level(Painting(s, steps=8, sampler=name))[0] for s in np.linspace(0.30, 0.50, 21)]
    steps = np.diff(levels)
    assert (steps > 0).all()
    assert steps.max() < 2.5 * steps.mean()


@pytest.mark.parametrize("name", samplers.SAMPLER_NAMES)
def test_the_number_of_steps_that_run_is_the_number_predicted(name):
    for strength in (0.01, 0.1, 0.33, 0.5, 0.97, 1.0):
        painting = Painting(strength, steps=8, sampler=name)
        steps = samplers.effective_steps(painting)
        # Heun and DPM2 call the model twice in each step but the last.
        assert first_level(painting)[1] == (2 * steps - 1 if name.startswith(("DPM2", "Heun")) else steps)


@pytest.mark.parametrize("name", ["Euler", "Euler a", "DPM++ 2M", "DDPM", "DDIM", "UniPC", "LMS", "DPM2"])
def test_strengths_that_diffusers_can_paint_start_where_diffusers_starts(name):
    scheduler = getattr(diffusers, samplers.find_sampler(name).scheduler).from_config(CONFIG)
    scheduler.set_timesteps(8)
    levels = scheduler.timesteps.numpy()[:: scheduler.order]
    for steps in range(1, 9):
        painting = Painting(steps / 8, steps=8, sampler=name)
        start, count = first_level(painting)
        assert start == pytest.approx(sigma(levels[8 - steps]), rel=1e-4)
        assert count == (2 * steps - 1 if name == "DPM2" else steps)


def test_full_strength_runs_the_timesteps_that_diffusers_runs():
    for name in ("Euler a", "DPM++ 2M Karras", "UniPC", "DEIS", "DDIM", "DPM2 a"):
        ours, arguments = SDXL.for_text_to_image(Painting(steps=6, sampler=name))
        ours.set_timesteps(**arguments)
        karras = {"use_karras_sigmas": True} if name.endswith("Karras") else {}
        theirs = getattr(diffusers, samplers.find_sampler(name).scheduler).from_config(CONFIG, **karras)
        theirs.set_timesteps(6)
        assert ours.timesteps.tolist() == theirs.timesteps.tolist()


def test_a_schedule_missing_in_a_diffusers_scheduler_is_taken_from_its_euler():
    scheduler, arguments = SDXL.for_text_to_image(Painting(steps=6, sampler="Euler a Karras"))
    scheduler.set_timesteps(**arguments)
    karras = EulerDiscreteScheduler.from_config(CONFIG, use_karras_sigmas=True)
    karras.set_timesteps(6)
    assert scheduler.timesteps.tolist() == pytest.approx(karras.timesteps.tolist(), abs=0.01)
    assert scheduler.sigmas.tolist() == pytest.approx(karras.sigmas.tolist(), rel=1e-3)


def test_trailing_steps_begin_at_the_last_level():
    trailing, _ = first_level(Painting(1.0, steps=4, schedule="sgm_uniform"))
    assert trailing == pytest.approx(sigma(999))


def test_align_your_steps_has_the_published_levels():
    grid = SDXL.grid(Painting(steps=10, schedule="align_your_steps"))
    assert grid.tolist() == [999, 845, 730, 587, 443, 310, 193, 116, 53, 13]


def test_a_model_with_zero_terminal_snr_is_sampled_from_pure_noise():
    """This includes schedulers that do not support the setting."""
    config = {**CONFIG, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    schedulers = Schedulers({**config, "timestep_spacing": "trailing"})
    for name in samplers.SAMPLER_NAMES:
        if (
            samplers.find_sampler(name).schedule == samplers.AUTOMATIC
            and samplers.find_sampler(name).max_steps == 1000
        ):
            painting = Painting(1.0, steps=4, sampler=name, schedule="sgm_uniform")
            assert first_level(painting, schedulers)[0] > 4000


def test_every_sampler_uses_the_checkpoints_prediction_type():
    schedulers = Schedulers({**CONFIG, "prediction_type": "v_prediction"})
    for name in samplers.SAMPLER_NAMES:
        scheduler = schedulers.find(name)
        assert scheduler.config.prediction_type == "v_prediction"


def test_a_schedule_that_contradicts_the_sampler_is_refused():
    assert samplers.effective_schedule(Painting(sampler="Euler Karras", schedule="karras")) == "karras"
    with pytest.raises(CurveError, match="Euler Karras has the schedule karras, but 'schedule' is beta"):
        samplers.effective_schedule(Painting(sampler="Euler Karras", schedule="beta"))


def test_schedules_accept_the_names_of_a1111_and_comfyui():
    written = ["SGM Uniform", "sgm_uniform", "Normal", "Align Your Steps", "beta", "Automatic"]
    found = ["sgm_uniform", "sgm_uniform", "uniform", "align_your_steps", "beta", "automatic"]
    assert [samplers.find_schedule(name) for name in written] == found
    with pytest.raises(CurveError, match="unknown schedule 'karas'; did you mean 'karras'"):
        samplers.find_schedule("karas")


def test_samplers_do_not_clip_latents():
    for name in ("DDIM", "DDPM"):
        assert not Schedulers({**CONFIG, "clip_sample": True}).find(name).config.clip_sample


def test_levels_are_whole_for_schedulers_that_look_them_up_in_a_table():
    for name in ("DDIM", "DDPM", "LCM", "TCD"):
        _, arguments = SDXL.for_image_to_image(Painting(0.37, steps=7, sampler=name))
        assert all(float(level).is_integer() for level in arguments["timesteps"])
        assert len(set(arguments["timesteps"])) == len(arguments["timesteps"])


def test_a_strength_near_0_runs_a_single_step():
    for strength in (1e-6, 0.0004, 0.001):
        assert first_level(Painting(strength, steps=8, sampler="DDIM"))[1] == 1
