"""The bundled checkpoint loads in stock pipelines, also as a single file, and follows its prompts."""

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.utils import logging
from PIL import Image as Pillow
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from animator import animate, loads
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Frame, Painting, Prompt
from animator.models.nano import weights_folder
from nanolab import checkpoint, judge, metrics, text, vae
from nanolab.checkpoint import PipelinePainter, PipelineSettings
from nanolab.model import Nano
from nanolab.recipes import START_RECIPES, draw_recipe
from nanolab.single_file import write_single_file

QUICK = PipelineSettings(steps=8, height=256, width=256)


@pytest.fixture(scope="module")
def painter():
    torch.set_num_threads(1)
    return PipelinePainter(weights_folder())


def test_an_untrained_model_can_be_exported_and_loaded(tmp_path):
    torch.set_num_threads(1)
    text.write_tokenizer(tmp_path / "tokens", 30)
    nano = Nano(text.read_tokenizer(tmp_path / "tokens"), (32, 32, 32))
    checkpoint.export_checkpoint(
        nano, vae.build_autoencoder((8, 8, 16, 16)), tmp_path / "tokens", tmp_path / "weights"
    )
    for kind in (
        StableDiffusionXLPipeline,
        StableDiffusionXLImg2ImgPipeline,
        StableDiffusionXLInpaintPipeline,
    ):
        pipe = kind.from_pretrained(tmp_path / "weights")
        assert pipe.scheduler.config.prediction_type == "v_prediction"
        networks = (pipe.text_encoder, pipe.text_encoder_2, pipe.unet, pipe.vae)
        assert {network.dtype for network in networks} == {torch.float32}


def test_stock_pipelines_load_the_bundled_folder_without_an_argument_and_paint():
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    image, mask = Pillow.new("RGB", (64, 64), "red"), Pillow.new("L", (64, 64), 255)
    control = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(weights_folder() / "unet"))
    for kind, parts, given in (
        (StableDiffusionXLPipeline, {}, {}),
        (StableDiffusionXLImg2ImgPipeline, {}, {"image": image, "strength": 1.0}),
        (StableDiffusionXLInpaintPipeline, {}, {"image": image, "mask_image": mask, "strength": 1.0}),
        (StableDiffusionXLControlNetPipeline, {"controlnet": control}, {"image": image}),
    ):
        pipe = kind.from_pretrained(weights_folder(), **parts)
        pipe.set_progress_bar_config(disable=True)
        size = {} if kind is StableDiffusionXLImg2ImgPipeline else {"width": 64, "height": 64}
        painted = pipe("a red mug", num_inference_steps=2, output_type="np", **given, **size).images[0]
        assert painted.shape == (64, 64, 3)
        assert painted.std() > 0.02


def test_the_text_encoders_values_are_those_of_the_half_precision_file():
    for name, kind in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
        stored = load_file(weights_folder() / name / "model.safetensors")
        loaded = kind.from_pretrained(weights_folder() / name).state_dict()
        assert all(torch.equal(loaded[key], value.float()) for key, value in stored.items())


def test_the_bundled_folder_is_below_30_megabytes():
    assert checkpoint.folder_size(weights_folder()) < 30_000_000


def test_the_prompts_colour_decides_the_products_colour(painter):
    prompts = [f"studio photo of a {color} mug, white background" for color in ("red", "blue")]
    red, blue = painter.paint(prompts, [1, 1], QUICK)
    assert judge.color_by_hue(red) == "red"
    assert judge.color_by_hue(blue) == "blue"


def test_the_few_step_lora_paints_in_four_steps_without_guidance():
    text = (
        "video: {frames: 1}\nprompts: {at: 'studio photo of a red mug, white background'}\n"
        "painting: {steps: 4, guidance_scale: 1}\n"
    )
    ((_, state),) = animate(loads(text + "model: {loras: {fast: {file: nano-few-steps}}}\n"))
    ((_, without),) = animate(loads(text))
    assert judge.color_by_hue(state.shown) == "red"
    assert state.shown[:30].mean() > 200  # the background is white

    def edges(image):
        return np.abs(np.diff(image.astype(float).mean(2), axis=1)).mean()

    assert edges(state.shown) > 1.05 * edges(without.shown)  # sharper than without the LoRA in as few steps


def test_the_prompts_backdrop_decides_the_brightness(painter):
    prompts = [f"studio photo of a red mug, {words}" for words in ("white background", "night city")]
    day, night = painter.paint(prompts, [1, 1], QUICK)
    assert day[:40, :40].mean() > night[:40, :40].mean() + 60


def test_a_higher_strength_preserves_less_of_the_start_image(painter):
    start = draw_recipe(START_RECIPES["mug_photo"]).image
    prompt = "studio photo of a red mug, white background"
    little, much = (painter.repaint(start, prompt, strength, 0, QUICK) for strength in (0.3, 0.9))
    assert metrics.psnr(start, little) > metrics.psnr(start, much)
    assert metrics.mask_iou(metrics.silhouette(start), metrics.silhouette(little)) > 0.7


def test_the_autoencoder_is_stable_over_sixteen_round_trips(painter):
    kept = metrics.round_trip_psnr(
        painter.txt2img.vae, [draw_recipe(START_RECIPES["bottle_photo"]).image], (1, 16)
    )
    assert kept["1"] > 34 and kept["16"] > 27  # measured: 36.6 and 28.8


def test_wide_and_tall_images_are_painted(painter):
    for height, width in ((192, 256), (256, 192)):
        made = painter.paint(["pencil sketch of a chair"], [0], PipelineSettings(4, 1.0, height, width))[0]
        assert made.shape == (height, width, 3) and np.std(made) > 5


def test_restore_loads_the_exported_weights():
    nano = Nano(text.read_tokenizer(weights_folder() / "tokenizer"))
    checkpoint.restore_checkpoint(nano, weights_folder())
    weights = load_file(weights_folder() / "unet" / "diffusion_pytorch_model.safetensors")
    learnt = nano.unet.state_dict()
    assert all(torch.equal(learnt[name], value.float()) for name, value in weights.items())


def test_the_bundled_checkpoint_as_a_single_file_paints_equal_images(tmp_path):
    file = write_single_file(weights_folder(), tmp_path / "nano.safetensors")
    frame = Frame(0, 3, Prompt("a red mug", next="a red mug"), painting=Painting(steps=2))
    images = [
        SDXLPainter(CheckpointSpec(str(base)), 128, 128, {}).paint(frame, None)
        for base in (weights_folder(), file)
    ]
    assert (images[0] == images[1]).all()
