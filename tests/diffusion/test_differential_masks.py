"""Painting through a mask, with diffusers' real img2img pipeline and every sampler."""

from pathlib import Path

import numpy as np
import pytest

from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.imaging.io import read_image
from animator.models import nano, samplers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def start():
    random = np.random.default_rng(5)
    return np.kron(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


@pytest.fixture
def half():
    """A mask of the right half."""
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    return mask


def full(level):
    return np.full((64, 64), level, np.uint8)


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", samplers.SAMPLER_NAMES)
def test_a_full_mask_gives_the_unmasked_image_to_the_byte(sdxl, frame, start, name):
    painted = frame(sampler=name, strength=0.7)
    assert (sdxl.paint(painted, start, mask=full(255)) == sdxl.paint(painted, start)).all()


@pytest.mark.parametrize("name", samplers.SAMPLER_NAMES)
def test_a_half_mask_keeps_the_other_half_to_the_byte_with_every_sampler(sdxl, frame, start, half, name):
    painted = sdxl.paint(frame(sampler=name, strength=0.7), start, mask=half)
    assert (painted[:, :32] == start[:, :32]).all()
    assert distance(painted[:, 32:], start[:, 32:]) > 3


def test_an_empty_mask_returns_the_start_image_itself(sdxl, frame, start):
    assert sdxl.paint(frame(), start, mask=full(0)) is start
    assert sdxl.paint(frame(strength=0.0), start, mask=full(255)) is start


def test_a_mask_has_no_effect_without_a_start_image(sdxl, frame, half):
    assert (sdxl.paint(frame(), None, mask=half) == sdxl.paint(frame(), None)).all()


@pytest.fixture(scope="module")
def trained():
    """A painter with the bundled model, because an untrained VAE turns every image into noise."""
    return SDXLPainter(CheckpointSpec(str(nano.weights_folder())), 64, 64, {})


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M Karras", "Heun", "DDIM"])
def test_a_mask_value_acts_as_that_part_of_the_strength(trained, frame, name):
    """The model's own output is measured, before it is composited with the start image."""
    start = read_image(ROOT / "schedules/pictures/bottle_sketch.png", 64, 64)

    def painted(strength, level):
        return trained._paint(frame(sampler=name, strength=strength, steps=8), start, full(level))

    kept = painted(0.9, 0)
    changes = [distance(kept, painted(0.9, level)) for level in (85, 170, 255)]
    assert 1 < changes[0] < changes[1] < changes[2]
    assert changes[1] == pytest.approx(distance(kept, painted(0.6, 255)), rel=0.3)


def test_pixels_outside_the_mask_keep_the_start_image_in_the_models_output(sdxl, frame, start):
    """They keep what the VAE preserves of it, with any sampler and strength."""
    nothing = full(0)
    kept = sdxl._paint(frame(), start, nothing)
    for name in samplers.SAMPLER_NAMES:
        assert (sdxl._paint(frame(sampler=name, strength=0.9), start, nothing) == kept).all()


def test_a_weak_mask_changes_pixels_even_in_a_single_step(sdxl, frame, start):
    painted = frame(strength=0.2, steps=4)
    nothing, weak = (sdxl._paint(painted, start, full(level)) for level in (0, 60))
    assert (nothing != weak).any()


@pytest.mark.parametrize("size", [(98, 66), (64, 90), (66, 64)])
def test_images_of_any_even_size_can_be_painted_through_a_mask(checkpoint, frame, size):
    """Deforum's masks crashed on sizes that are not multiples of 64."""
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint)), *size, {})
    start = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[:20] = 255
    painted = sdxl.paint(frame(), start, mask=mask)
    assert painted.shape == start.shape
    assert (painted[20:] == start[20:]).all()
    assert (painted[:20] != start[:20]).any()
    assert (sdxl.paint(frame(), start, mask=np.full_like(mask, 255)) == sdxl.paint(frame(), start)).all()
