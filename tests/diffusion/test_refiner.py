"""Base and refiner through diffusers' real pipelines: the small checkpoint, itself as a refiner, and a true small one."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel

from animator import ModelError
from animator.diffusion import sizes
from animator.diffusion.loading import Checkpoint
from animator.diffusion.sdxl import Sdxl
from animator.frame import Prompt


@pytest.fixture(scope="module")
def small_refiner(checkpoint, tmp_path_factory):
    """A refiner as SDXL's is: one text encoder, the second, and an aesthetic score among its five conditions."""
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
    return lambda model, at=0.8, every=True: Sdxl(
        Checkpoint(str(checkpoint)), 64, 64, {}, refiner=(str(model), at, every)
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
def test_one_that_is_the_base_itself_changes_nothing(load, sdxl, checkpoint, frame, start, name):
    """What the base has begun is handed over with exactly the noise that is left."""
    twice = load(checkpoint)
    for over, strength in ((None, 1.0), (start, 0.7), (start, 0.1)):
        painted = frame(sampler=name, strength=strength, steps=10)
        assert np.abs(twice(painted, over).astype(int) - sdxl(painted, over)).max() <= 1


@pytest.mark.parametrize("over", ["start", None])
def test_it_changes_the_picture_and_the_more_the_earlier_it_takes_over(
    load, small_refiner, sdxl, frame, start, over
):
    over = start if over == "start" else None
    painted = frame(strength=0.9, steps=10)
    plain = sdxl(painted, over)
    changes = [distance(load(small_refiner, at)(painted, over), plain) for at in (0.9, 0.6, 0.3)]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_it_reads_the_prompt_with_its_own_encoder_as_far_as_it_has_travelled(refined, frame):
    words = [
        refined.refiner._words(Prompt("chair", "blur", "snow", weight), True) for weight in (0.0, 0.5, 1.0)
    ]
    assert torch.equal(
        words[1]["prompt_embeds"], torch.lerp(words[0]["prompt_embeds"], words[2]["prompt_embeds"], 0.5)
    )
    assert words[0]["negative_prompt_embeds"].any()


def test_fresh_paintings_alone_are_refined_unless_every_one_is_asked_for(
    load, small_refiner, sdxl, frame, start
):
    painted = frame(strength=0.9, steps=10)
    fresh = load(small_refiner, every=False)
    assert (fresh(painted, start) == sdxl(painted, start)).all()
    assert distance(fresh(painted, None), sdxl(painted, None)) > 0.05


def test_a_painting_by_a_mask_is_the_bases_alone(refined, sdxl, frame, start):
    mask = np.full((64, 64), 255, np.uint8)
    mask[:, :32] = 0
    painted = frame(strength=0.9, steps=10)
    assert (refined.within(painted, start, mask) == sdxl.within(painted, start, mask)).all()


def test_a_single_step_is_the_bases_alone(load, small_refiner, sdxl, frame):
    painted = frame(steps=1)
    assert (load(small_refiner)(painted, None) == sdxl(painted, None)).all()


def test_it_shares_the_vae_and_the_second_text_encoder(refined):
    assert refined.refiner.pipe.vae is refined.txt2img.vae
    assert refined.refiner.pipe.text_encoder_2 is refined.txt2img.text_encoder_2


def test_what_is_no_refiner_of_this_base_is_one_line(load, small_refiner, tmp_path):
    with pytest.raises(ModelError, match="is no diffusers folder: it has no model_index.json"):
        load(tmp_path)
    shutil.copytree(small_refiner, tmp_path / "other")
    unet = UNet2DConditionModel.from_pretrained(small_refiner / "unet", local_files_only=True)
    UNet2DConditionModel.from_config({**unet.config, "cross_attention_dim": 96}).save_pretrained(
        tmp_path / "other/unet"
    )
    with pytest.raises(
        ModelError,
        match=r"model.refiner '.*other' reads text 96 wide, and this checkpoint's second encoder writes 64",
    ):
        load(tmp_path / "other")


def test_variants_are_refined_one_by_one(refined, frame):
    wanted = [replace(frame(), seed=seed) for seed in (1, 2)]
    together = refined.batch([(each, None) for each in wanted])
    for picture, each in zip(together, wanted, strict=True):
        assert (picture == refined(each, None)).all()
    assert (together[0] != together[1]).any()


def test_it_is_told_the_words_of_a_prompt_without_their_signs(refined):
    def words(text):
        return refined.refiner._words(Prompt(text, next=text), True)["prompt_embeds"]

    assert (words("a (red:1.4) mug") == words("a red mug")).all()
    mixed = words('("a red mug", "a blue mug").blend(3, 1)')
    assert torch.allclose(mixed, 0.75 * words("a red mug") + 0.25 * words("a blue mug"), atol=1e-5)


def test_what_it_does_not_share_is_counted_from_headers(refined, load, small_refiner, checkpoint):
    for folder, paint in ((small_refiner, refined), (checkpoint, load(checkpoint))):
        own = sum(values.numel() for network in paint.refiner.networks for values in network.parameters())
        found = sizes.beside([], str(folder), [], [])
        assert (found.stays, found.known) == (
            pytest.approx(own, rel=0.001),
            True,
        )  # files hold positions, too
