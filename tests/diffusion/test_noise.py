"""Subseeds, noise multiplier, FreeU and eta: 0 changes no byte, and a larger amount has a larger effect."""

import numpy as np
import pytest
import torch

from animator.diffusion.noise_levels import slerp, subseed_mixer, text_to_image_latents
from animator.frame import Prompt


def noise(seed, shape=(1, 4, 16, 16)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.fixture(scope="module")
def start(sdxl):
    from animator.frame import Frame, Painting

    return sdxl.paint(Frame(0, 3, Prompt("a mug"), painting=Painting(steps=2)), None)


def test_slerp_between_two_noises_keeps_the_deviation():
    a, b = noise(1), noise(2)
    for amount in (0.1, 0.5, 0.9):
        mixed = slerp(a, b, amount)
        assert mixed.std() == pytest.approx(1, abs=0.05)
        assert torch.lerp(a, b, 0.5).std() < 0.8  # linear interpolation reduces it
    assert slerp(a, b, 0.0) is a
    assert torch.allclose(slerp(a, b, 1.0), b, atol=1e-5)


def test_slerp_half_way_is_equally_far_from_both():
    a, b = noise(1), noise(2)
    half = slerp(a, b, 0.5)
    assert (half - a).norm() == pytest.approx(float((half - b).norm()), rel=0.06)


def test_slerp_from_noise_to_itself_changes_nothing():
    assert torch.allclose(slerp(noise(1), noise(1), 0.3), noise(1), atol=1e-6)


def test_mixed_noise_keeps_its_dtype(frame):
    from dataclasses import replace

    mix = subseed_mixer(replace(frame(), subseed=2, subseed_strength=0.5))
    assert mix(noise(1).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("over", [False, True], ids=["from nothing", "over an image"])
def test_subseed_strength_0_changes_no_byte_and_a_larger_one_changes_more(sdxl, frame, start, over):
    from dataclasses import replace

    given = start if over else None
    plain = sdxl.paint(frame(strength=0.7), given)

    def mixed(strength):
        return sdxl.paint(replace(frame(strength=0.7), subseed=99, subseed_strength=strength), given)

    assert (mixed(0.0) == plain).all()
    distances = [distance(mixed(strength), plain) for strength in (0.1, 0.4, 1.0)]
    assert 0 < distances[0] < distances[1] < distances[2]
    assert (
        sdxl.paint(frame(strength=0.7), given) == plain
    ).all()  # the painter keeps no state of the subseed


def test_subseed_strength_1_gives_the_image_of_the_subseed(sdxl, frame):
    from dataclasses import replace

    whole = sdxl.paint(replace(frame(seed=7), subseed=99, subseed_strength=1.0), None)
    assert distance(whole, sdxl.paint(frame(seed=99), None)) < 0.5  # rounding on the sphere


def test_noise_is_drawn_on_the_cpu_and_advances_the_generator_as_diffusers_does(sdxl, frame):
    """The noise that a sampler draws afterwards is therefore unchanged."""
    from dataclasses import replace

    one, two = (torch.Generator("cpu").manual_seed(5) for _ in range(2))
    arguments = text_to_image_latents(sdxl.txt2img, replace(frame(), subseed_strength=0.5), 64, 64, one)
    assert arguments["latents"].device.type == "cpu"
    sdxl.txt2img.prepare_latents(1, 4, 64, 64, torch.float32, torch.device("cpu"), two)
    assert (one.get_state() == two.get_state()).all()


def test_the_noise_multiplier_acts_monotonically_and_1_changes_nothing(sdxl, frame, start):
    def painted(factor):
        return sdxl.paint(frame(strength=0.5, noise_multiplier=factor), start)

    assert (painted(1.0) == sdxl.paint(frame(strength=0.5), start)).all()
    less, same, more = (distance(painted(factor), start) for factor in (0.6, 1.0, 1.5))
    assert less < same < more


def test_masked_painting_uses_the_same_noise(sdxl, frame, start):
    """With a full mask, masked and unmasked painting agree."""
    from dataclasses import replace

    mixed = replace(frame(strength=0.5, noise_multiplier=1.1), subseed=9, subseed_strength=0.5)
    whole = np.full(start.shape[:2], 255, np.uint8)
    assert distance(sdxl.paint(mixed, start, mask=whole), sdxl.paint(mixed, start)) < 0.5


@pytest.mark.parametrize("name", ["freeu", "guidance_rescale"])
def test_amount_0_changes_nothing_and_a_larger_amount_changes_more(sdxl, frame, start, name):
    def painted(amount):
        return sdxl.paint(frame(strength=0.8, **{name: amount}), start)

    plain = painted(0.0)
    some, much = (distance(painted(amount), plain) for amount in (0.3, 1.0))
    assert 0 < some < much
    assert (painted(0.0) == plain).all()  # also after it was switched on


def test_eta_adds_noise_to_ddim(sdxl, frame, start):
    plain, noisy = (sdxl.paint(frame(strength=0.8, sampler="DDIM", eta=eta), start) for eta in (0.0, 1.0))
    assert (plain != noisy).any()
    still, also = (sdxl.paint(frame(strength=0.8, sampler="Euler", eta=eta), start) for eta in (0.0, 1.0))
    assert (still == also).all()
