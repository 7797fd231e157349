"""Inpainting checkpoints with diffusers' real pipeline: the small checkpoint's UNet, widened to nine channels."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from animator import ModelError
from animator.diffusion.controlnet import ControlNetSpec
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter


def widened(checkpoint, folder, amount):
    """Copy the checkpoint with five more input channels in its UNet, whose weights are scaled by `amount`."""
    shutil.copytree(checkpoint, folder)
    narrow = UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)
    wide = UNet2DConditionModel.from_config({**narrow.config, "in_channels": 9})
    weights = narrow.state_dict()
    first = weights["conv_in.weight"]
    more = amount * torch.randn(first.shape[0], 5, 3, 3, generator=torch.Generator().manual_seed(1))
    wide.load_state_dict({**weights, "conv_in.weight": torch.cat([first, more], dim=1)})
    wide.save_pretrained(folder / "unet")
    return folder


@pytest.fixture(scope="module")
def blind(checkpoint, tmp_path_factory):
    """A painter whose UNet has nine input channels and ignores the five new ones."""
    return SDXLPainter(
        CheckpointSpec(str(widened(checkpoint, tmp_path_factory.mktemp("blind") / "a", 0.0))), 64, 64, {}
    )


@pytest.fixture(scope="module")
def seeing(checkpoint, tmp_path_factory):
    return SDXLPainter(
        CheckpointSpec(str(widened(checkpoint, tmp_path_factory.mktemp("seeing") / "a", 0.3))), 64, 64, {}
    )


@pytest.fixture(scope="module")
def start():
    random = np.random.default_rng(5)
    return np.kron(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


@pytest.fixture
def half():
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    return mask


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", ["Euler", "DPM++ 2M Karras", "Heun", "LCM", "DDIM", "Euler a"])
def test_a_unet_that_ignores_the_mask_paints_the_img2img_image(blind, sdxl, frame, start, name):
    """The pass starts from the same noise, at exactly the level of the strength."""
    painted = frame(sampler=name, strength=0.37, steps=5)
    for over in (start, None):  # with five channels of zeros, sums have another order
        assert np.abs(blind.paint(painted, over).astype(int) - sdxl.paint(painted, over)).max() <= 1


def test_a_unet_that_sees_the_mask_depends_on_it_and_on_its_surroundings(seeing, blind, frame, start, half):
    painted = frame(strength=0.9)
    one, other = seeing.paint(painted, start, mask=half), seeing.paint(painted, start, mask=255 - half)
    assert (one[:, :32] == start[:, :32]).all()
    assert (other[:, 32:] == start[:, 32:]).all()
    whole = seeing.paint(painted, start)
    assert distance(one[:, 40:], whole[:, 40:]) > 1  # the UNet knows which pixels are masked
    assert distance(one[:, 40:], blind.paint(painted, start, mask=half)[:, 40:]) > 1
    changed = start.copy()
    changed[:, :32] = 255 - changed[:, :32]
    assert distance(seeing.paint(painted, changed, mask=half)[:, 40:], one[:, 40:]) > 0.5


def test_strength_0_keeps_the_start_image_and_small_changes_of_strength_count(seeing, frame, start):
    kept = seeing._paint(frame(), start, np.zeros((64, 64), np.uint8))
    assert kept.shape == start.shape
    assert (seeing.paint(frame(strength=0.3), start) != seeing.paint(frame(strength=0.31), start)).any()
    assert seeing.paint(frame(strength=0.0), start) is start


def test_a_controlnet_with_an_inpainting_checkpoint_is_refused(checkpoint, tmp_path):
    source = CheckpointSpec(str(widened(checkpoint, tmp_path / "a", 0.0)))
    with pytest.raises(ModelError, match="control: ControlNets cannot be used with an inpainting checkpoint"):
        SDXLPainter(source, 64, 64, {}, controls={"edges": ControlNetSpec("some/net")})


def test_a_subseed_changes_the_image_and_a_batch_is_painted_one_by_one(seeing, frame, start):
    plain = frame()
    mixed = replace(plain, subseed=7, subseed_strength=0.5)
    for over in (None, start):
        assert (seeing.paint(plain, over) != seeing.paint(mixed, over)).any()
    (one, other) = seeing.paint_batch([(plain, None), (replace(plain, seed=5), None)])
    assert (one == seeing.paint(plain, None)).all()
    assert (one != other).any()
