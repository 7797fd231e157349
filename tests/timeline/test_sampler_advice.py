"""Few-step models: their defaults, and advice on settings that contradict them."""

import pytest

from animator import SceneError, loads, timeline
from animator.models import families
from animator.models.families import detect_few_step_kind
from animator.scene.resolve import to_yaml
from animator.timeline.compile import scene_advice

NANO = "video: {frames: 3}\nmodel: {loras: {fast: {file: nano-few-steps}}}\n"


def notes(text):
    return [str(problem).split(":", 3)[3].strip() for problem in scene_advice(loads(text))]


@pytest.mark.parametrize(
    ("name", "kind", "steps"),
    [
        ("stabilityai/sdxl-turbo", "turbo", None),
        ("ByteDance/SDXL-Lightning", "lightning", None),
        ("loras/sdxl_lightning_4step_lora.safetensors", "lightning", 4),
        ("dreamshaperXL_lightningDPMSDE.safetensors", "lightning", None),
        ("C:\\models\\Hyper-SDXL-8steps-lora.safetensors", "hyper", 8),
        ("latent-consistency/lcm-lora-sdxl", "lcm", None),
        ("dmd2_sdxl_4step_lora.safetensors", "dmd2", 4),
        ("nano-few-steps", "nano", None),
    ],
)
def test_few_step_models_are_recognised_by_name(name, kind, steps):
    assert detect_few_step_kind(name) == (families.FEW_STEP_RECIPES[kind], steps)


@pytest.mark.parametrize(
    "name",
    ["stabilityai/stable-diffusion-xl-base-1.0", "hyperrealistic.safetensors", "turbo/sdxl.safetensors"],
)
def test_other_models_are_not_recognised_as_few_step_models(name):
    assert detect_few_step_kind(name) is None


def test_a_few_step_model_sets_its_own_defaults():
    painting = timeline(loads(NANO))[0].painting
    assert (painting.steps, painting.guidance_scale, painting.sampler) == (4, 1.0, "Euler")
    hyper = "video: {frames: 3}\nmodel: {base: ByteDance/Hyper-SDXL-8steps}\n"
    painting = timeline(loads(hyper))[0].painting
    assert (painting.sampler, painting.schedule, painting.steps) == ("DDIM", "sgm_uniform", 8)


def test_the_bundled_model_and_sdxl_have_different_defaults():
    nano = timeline(loads("prompts: {at: a mug}"))[0].painting
    sdxl = timeline(loads("model: {base: some/model}"))[0].painting
    assert (nano.steps, nano.guidance_scale) == (12, 3.0)
    assert (sdxl.steps, sdxl.guidance_scale) == (20, 6.0)
    said = timeline(loads("painting: {guidance_scale: 5}"))[0].painting
    assert (said.steps, said.guidance_scale) == (12, 5.0)


def test_written_settings_override_the_few_step_defaults():
    painting = timeline(loads(NANO + "painting: {steps: 6, sampler: DPM++ 2M Karras}\n"))[0].painting
    assert (painting.steps, painting.guidance_scale, painting.sampler) == (6, 1.0, "DPM++ 2M Karras")


def test_few_steps_can_be_switched_off_and_named():
    off = NANO.replace("model: {", "model: {few_steps: none, ")
    assert timeline(loads(off))[0].painting.steps == 12
    named = "video: {frames: 3}\nmodel: {base: some/model, few_steps: lcm}\n"
    assert timeline(loads(named))[0].painting.sampler == "LCM"


def test_a_few_step_lora_of_scale_0_sets_no_defaults():
    assert timeline(loads(NANO + "loras: {fast: 0}\n"))[0].painting.guidance_scale == 3.0


def test_a_resolved_film_has_the_same_few_step_settings():
    again = loads(to_yaml(loads(NANO)))
    assert timeline(again) == timeline(loads(NANO))


def test_settings_that_contradict_a_few_step_model_give_notes():
    assert notes(NANO) == []
    assert notes(NANO + "painting: {guidance_scale: 6, steps: 30, sampler: Heun}\n") == [
        "painting.guidance_scale: 6: nano-few-steps paints in few steps, without guidance; write 1",
        "painting.steps: 30: nano-few-steps paints in few steps; more than 4 or so make it worse",
        "painting.sampler: Heun: nano-few-steps paints in few steps; write Euler or DDIM or DPM++ 2M",
    ]


def test_a_schedule_that_does_not_begin_in_noise_gives_a_note():
    text = "video: {frames: 3}\nmodel: {base: ByteDance/SDXL-Lightning}\npainting: {schedule: karras}\n"
    assert notes(text) == [
        "painting.schedule: karras: ByteDance/SDXL-Lightning paints in few steps; write sgm_uniform"
    ]


def test_eta_without_effect_gives_a_note():
    assert notes("video: {frames: 3}\npainting: {eta: 0.5}\n") == [
        "painting.eta: has no effect with Euler; samplers that use it: DDIM, TCD"
    ]
    assert notes("video: {frames: 3}\npainting: {eta: 0.5, sampler: DDIM}\n") == []


def test_tiling_with_motion_and_no_wrapping_border_gives_a_note():
    text = "video: {frames: 3}\nmodel: {tiling: true}\nmotion: {translation_x: 2"
    assert notes(text + "}\n") == [
        "model.tiling: with motion, opposite edges keep meeting only with 'motion: {border: wrap}'"
    ]
    assert notes(text + ", border: wrap}\n") == []


def test_a_sampler_and_a_schedule_that_contradict_are_refused():
    with pytest.raises(
        SceneError, match="Euler Karras has the schedule karras, but 'schedule' is beta at frame 0"
    ):
        loads("video: {frames: 3}\npainting: {sampler: Euler Karras, schedule: beta}\n")


def test_sampler_and_schedule_may_change_with_time():
    text = "video: {frames: 3}\npainting: {schedule: {0: karras, 2: SGM Uniform}, sampler: dpmpp_2m}\n"
    painted = [frame.painting for frame in timeline(loads(text))]
    assert [row.schedule for row in painted] == ["karras", "karras", "sgm_uniform"]
    assert painted[0].sampler == "DPM++ 2M"


def test_guidance_rescale_with_a_controlnet_gives_a_note():
    text = "video: {frames: 3}\ncontrol: {a: {model: some/net, hint: canny, scale: SCALE}}\npainting: {guidance_rescale: 0.7}\n"
    assert notes(text.replace("SCALE", "1")) == [
        "painting.guidance_rescale: has no effect on frames that a ControlNet guides"
    ]
    assert notes(text.replace("SCALE", "0")) == []
