"""Base and refiner with diffusers' real pipelines: the small checkpoint as its own refiner, and a small refiner."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel

from animator import ModelError
from animator.diffusion import memory
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Prompt


@pytest.fixture(scope="module")
def small_refiner(checkpoint, tmp_path_factory):
    """A folder with a refiner like SDXL's: the second text encoder only, and an aesthetic score as a condition."""
    base = StableDiffusionXLPipeline.from_pretrained(checkpoint, local_files_only=True)
    width, pooled = base.text_encoder_2.config.hidden_size, base.text_encoder_2.config.projection_dim
    size = 5 * base.unet.config.addition_time_embed_dim + pooled
    torch.manual_seed(5)
    unet = UNet2DConditionModel.from_config(
        {**base.unet.config, "cross_attention_dim": width, "projection_class_embeddings_input_dim": size}
    )
    folder = tmp_path_factory.mktemp("refiner")
    StableDiffusionXLImg2ImgPipeline(
        base.vae, None, base.text_encoder_2, None, base.tokenizer_2, unet, base.scheduler,
        requires_aesthetics_score=True, add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def load(checkpoint):
    return lambda model, at=0.8, every=True: SDXLPainter(
        CheckpointSpec(str(checkpoint)), 64, 64, {}, refiner=(str(model), at, every)
    )


@pytest.fixture(scope="module")
def refined(load, small_refiner):
    return load(small_refiner)


@pytest.fixture(scope="module")
def start():
    random = np.random.default_rng(5)
    return np.kron(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", ["Euler", "Euler Karras", "DDIM"])
def test_the_base_as_its_own_refiner_changes_nothing(load, sdxl, checkpoint, frame, start, name):
    """The base hands its latents over with exactly the noise that is left."""
    twice = load(checkpoint)
    for over, strength in ((None, 1.0), (start, 0.7), (start, 0.1)):
        painted = frame(sampler=name, strength=strength, steps=10)
        assert np.abs(twice.paint(painted, over).astype(int) - sdxl.paint(painted, over)).max() <= 1


@pytest.mark.parametrize("over", ["start", None])
def test_the_refiner_changes_the_image_more_the_earlier_it_takes_over(
    load, small_refiner, sdxl, frame, start, over
):
    over = start if over == "start" else None
    painted = frame(strength=0.9, steps=10)
    plain = sdxl.paint(painted, over)
    changes = [distance(load(small_refiner, at).paint(painted, over), plain) for at in (0.9, 0.6, 0.3)]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_the_refiner_encodes_and_interpolates_the_prompt_with_its_own_encoder(refined, frame):
    words = [
        refined.refiner._embeddings(Prompt("chair", "blur", "snow", weight), True)
        for weight in (0.0, 0.5, 1.0)
    ]
    assert torch.equal(
        words[1]["prompt_embeds"], torch.lerp(words[0]["prompt_embeds"], words[2]["prompt_embeds"], 0.5)
    )
    assert words[0]["negative_prompt_embeds"].any()


def test_only_frames_painted_from_nothing_are_refined_unless_all_are_requested(
    load, small_refiner, sdxl, frame, start
):
    painted = frame(strength=0.9, steps=10)
    fresh = load(small_refiner, every=False)
    assert (fresh.paint(painted, start) == sdxl.paint(painted, start)).all()
    assert distance(fresh.paint(painted, None), sdxl.paint(painted, None)) > 0.05


def test_a_masked_frame_is_not_refined(refined, sdxl, frame, start):
    mask = np.full((64, 64), 255, np.uint8)
    mask[:, :32] = 0
    painted = frame(strength=0.9, steps=10)
    assert (refined.paint(painted, start, mask=mask) == sdxl.paint(painted, start, mask=mask)).all()


def test_a_single_step_is_painted_by_the_base_alone(load, small_refiner, sdxl, frame):
    painted = frame(steps=1)
    assert (load(small_refiner).paint(painted, None) == sdxl.paint(painted, None)).all()


def test_the_refiner_shares_the_vae_and_the_second_text_encoder(refined):
    assert refined.refiner.pipe.vae is refined.txt2img.vae
    assert refined.refiner.pipe.text_encoder_2 is refined.txt2img.text_encoder_2


def test_an_unsuitable_refiner_is_refused_in_one_line(load, small_refiner, tmp_path):
    with pytest.raises(ModelError, match="is not a diffusers folder: it has no model_index.json"):
        load(tmp_path)
    shutil.copytree(small_refiner, tmp_path / "other")
    unet = UNet2DConditionModel.from_pretrained(small_refiner / "unet", local_files_only=True)
    UNet2DConditionModel.from_config({**unet.config, "cross_attention_dim": 96}).save_pretrained(
        tmp_path / "other/unet"
    )
    with pytest.raises(
        ModelError,
        match=r"'.*other' expects text embeddings 96 wide, but this checkpoint's second text encoder produces 64",
    ):
        load(tmp_path / "other")


def test_a_batch_is_refined_one_by_one(refined, frame):
    wanted = [replace(frame(), seed=seed) for seed in (1, 2)]
    together = refined.paint_batch([(each, None) for each in wanted])
    for image, each in zip(together, wanted, strict=True):
        assert (image == refined.paint(each, None)).all()
    assert (together[0] != together[1]).any()


def test_the_refiner_ignores_weights_and_mixes_blends(refined):
    def words(text):
        return refined.refiner._embeddings(Prompt(text, next=text), True)["prompt_embeds"]

    assert (words("a (red:1.4) mug") == words("a red mug")).all()
    mixed = words('("a red mug", "a blue mug").blend(3, 1)')
    assert torch.allclose(mixed, 0.75 * words("a red mug") + 0.25 * words("a blue mug"), atol=1e-5)


def test_the_refiners_own_weights_are_counted_from_headers(refined, load, small_refiner, checkpoint):
    for folder, paint in ((small_refiner, refined), (checkpoint, load(checkpoint))):
        own = sum(values.numel() for network in paint.refiner.networks for values in network.parameters())
        found = memory.count_extra_networks([], str(folder), [], [])
        assert (found.always_on_device, found.complete) == (
            pytest.approx(own, rel=0.001),
            True,
        )  # files also hold position ids
