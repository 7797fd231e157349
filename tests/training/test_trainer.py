"""Cost of a training step: the estimate against the measurement."""

import pytest
from diffusers import UNet2DConditionModel

from animator.models import nano
from animator.training.settings import read_settings
from benchmarks.training import SDXL, measure


def test_a_step_takes_about_the_estimated_time():
    config = UNet2DConditionModel.load_config(nano.weights_folder() / "unet")
    found = measure(config, read_settings(None, ["token=oue", "data.resolution=128"]), steps=6)
    assert 0.1 < found.seconds / found.expected.seconds < 10


@pytest.mark.gpu
def test_a_step_of_sdxls_size_fits_into_12_gb():
    base = "model.base=stabilityai/stable-diffusion-xl-base-1.0"
    found = measure(SDXL, read_settings(None, ["token=oue", base]))
    assert found.peak < 12e9
    assert 0.5 < found.peak / found.expected.memory < 2
