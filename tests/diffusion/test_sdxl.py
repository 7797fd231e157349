"""Painting with diffusers' real pipelines, tokenizers and schedulers, on a small untrained checkpoint."""

import numpy as np
import pytest

from animator import ModelError, State
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Prompt


@pytest.fixture(scope="module")
def start(sdxl):
    from animator.frame import Frame, Painting

    return sdxl.paint(Frame(0, 3, Prompt("a mug"), painting=Painting(steps=2)), None)


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


def test_an_image_has_the_films_size_and_some_contrast(start):
    assert start.shape == (64, 64, 3)
    assert start.dtype == np.uint8
    assert start.std() > 10


def test_painting_a_frame_twice_gives_the_same_bytes(sdxl, frame, start):
    assert (sdxl.paint(frame(), start) == sdxl.paint(frame(), start)).all()


def test_seed_prompts_guidance_and_sampler_change_the_image(sdxl, frame, start):
    plain = sdxl.paint(frame(), start)
    others = [
        frame(seed=8),
        frame(prompt=Prompt("snow", next="snow")),
        frame(prompt=Prompt("a red chair", "blurry", "a red chair")),
        frame(guidance_scale=6.0),
        frame(guidance_scale=1.0),
        frame(sampler="DPM++ 2M Karras"),
    ]
    assert all((sdxl.paint(other, start) != plain).any() for other in others)


def test_the_negative_prompt_has_no_effect_without_guidance(sdxl, frame, start):
    plain, negative = Prompt("a", "", "a"), Prompt("a", "blurry", "a")
    images = [sdxl.paint(frame(prompt=prompt, guidance_scale=1.0), start) for prompt in (plain, negative)]
    assert (images[0] == images[1]).all()


def test_strength_0_returns_the_start_image_itself(sdxl, frame, start):
    assert sdxl.paint(frame(strength=0.0), start) is start


def test_a_smooth_strength_curve_changes_the_image_smoothly(sdxl, frame, start):
    distances = [
        distance(sdxl.paint(frame(strength=s, steps=4), start), start) for s in np.linspace(0.30, 0.50, 9)
    ]
    steps = np.diff(distances)
    assert steps.max() < 4 * np.abs(steps).mean()
    assert len({round(value, 6) for value in distances}) == 9


def test_a_strength_below_one_step_still_changes_the_image(sdxl, frame, start):
    assert (
        sdxl.paint(frame(strength=0.1, steps=8), start) != sdxl.paint(frame(strength=0.05, steps=8), start)
    ).any()


def test_a_prompt_half_way_gives_an_image_between_the_two(sdxl, frame, start):
    a, half, b = (
        sdxl.paint(frame(prompt=Prompt("chair", "", "snow", weight), strength=0.9), start)
        for weight in (0.0, 0.5, 1.0)
    )
    assert 0 < distance(a, half) < distance(a, b)
    assert 0 < distance(half, b) < distance(a, b)


@pytest.mark.parametrize("size", [(98, 66), (64, 90)])
def test_images_of_any_even_size_can_be_painted(checkpoint, frame, size):
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint)), *size, {})
    fresh = sdxl.paint(frame(), None)
    assert fresh.shape == (size[1], size[0], 3)
    assert sdxl.paint(frame(), fresh).shape == fresh.shape


def test_both_pipelines_share_one_set_of_weights(sdxl):
    assert sdxl.img2img.unet is sdxl.txt2img.unet
    assert sdxl.img2img.vae is sdxl.txt2img.vae


def test_the_vae_is_not_cast_to_float32_for_every_image(sdxl):
    assert not sdxl.txt2img.vae.config.force_upcast


def test_an_image_of_nan_is_an_error(checkpoint, frame):
    import torch

    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {})
    with torch.no_grad():
        sdxl.txt2img.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="frame 0: the model produced NaN instead of an image"):
        sdxl.paint(frame(), None)


def test_a_text_is_encoded_once(checkpoint, frame, start):
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {})
    calls = []
    sdxl.txt2img.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    prompts = [Prompt("a", "no", "b", weight) for weight in (0.0, 0.25, 0.5, 0.75)] * 2
    for prompt in prompts:
        sdxl.paint(frame(prompt=prompt, steps=2), start)
    assert len(calls) == 3  # "a", "b" and "no"


def test_a_film_keeps_its_contrast_in_the_loop(film):
    scene = film(
        "video: {frames: 6}\nmotion: {zoom: 1.03}\nprompts: {at: a mug}\npainting: {steps: 4, strength: 0.5}\n"
    )
    import animator

    states: list[State] = [state for _, state in animator.animate(scene)]
    assert all(state.shown.std() > 10 for state in states)
    assert distance(states[0].shown, states[5].shown) > 1


def test_an_empty_negative_prompt_is_zeros_for_checkpoints_trained_so(sdxl):
    empty, full = (
        sdxl.prompt_encoder.pipeline_arguments(Prompt("a", no, "a"), guided=True) for no in ("", "blurry")
    )
    assert sdxl.txt2img.config.force_zeros_for_empty_prompt
    assert not empty["negative_prompt_embeds"].any()
    assert not empty["negative_pooled_prompt_embeds"].any()
    assert full["negative_prompt_embeds"].any()


def test_running_out_of_memory_is_reported_in_one_line(checkpoint, frame):
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {})

    def full(*_):
        raise RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        )

    sdxl.txt2img.unet.register_forward_pre_hook(full)
    with pytest.raises(
        ModelError, match="frame 0: out of memory while painting 64x64 pixels; use a smaller video.size"
    ):
        sdxl.paint(frame(), None)
