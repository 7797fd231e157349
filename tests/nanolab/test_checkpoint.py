"""The bundled checkpoint loads in stock pipelines, also as a single file, and follows its prompts."""

import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from safetensors.torch import load_file

from animator import animate, loads
from animator.diffusion.loading import Checkpoint
from animator.diffusion.sdxl import Sdxl
from animator.diffusion.single_file import write_single_file
from animator.frame import Frame, Painting, Prompt
from animator.models.nano import folder
from nanolab import checkpoint, judge, text, vae
from nanolab import metrics as measures
from nanolab.checkpoint import Painter, Settings
from nanolab.model import Nano
from nanolab.recipes import STARTS, draw_recipe

QUICK = Settings(steps=8, height=256, width=256)


@pytest.fixture(scope="module")
def painter():
    torch.set_num_threads(1)
    return Painter(folder())


def test_an_untrained_model_can_be_exported_and_loaded(tmp_path):
    torch.set_num_threads(1)
    text.write(tmp_path / "tokens", 30)
    nano = Nano(text.read(tmp_path / "tokens"), (32, 32, 32))
    checkpoint.export(nano, vae.build((8, 8, 16, 16)), tmp_path / "tokens", tmp_path / "weights")
    for kind in (
        StableDiffusionXLPipeline,
        StableDiffusionXLImg2ImgPipeline,
        StableDiffusionXLInpaintPipeline,
    ):
        pipe = kind.from_pretrained(tmp_path / "weights", dtype=torch.float32)
        assert pipe.scheduler.config.prediction_type == "v_prediction"


def test_the_bundled_folder_is_below_30_megabytes():
    assert checkpoint.size(folder()) < 30_000_000


def test_the_prompts_colour_decides_the_products_colour(painter):
    prompts = [f"studio photo of a {color} mug, white background" for color in ("red", "blue")]
    red, blue = painter.paint(prompts, [1, 1], QUICK)
    assert judge.hue_color(red) == "red"
    assert judge.hue_color(blue) == "blue"


def test_the_few_step_lora_paints_in_four_steps_without_guidance():
    text = (
        "video: {frames: 1}\nprompts: {at: 'studio photo of a red mug, white background'}\n"
        "painting: {steps: 4, guidance_scale: 1}\n"
    )
    ((_, state),) = animate(loads(text + "model: {loras: {fast: {file: nano-few-steps}}}\n"))
    ((_, without),) = animate(loads(text))
    assert judge.hue_color(state.shown) == "red"
    assert state.shown[:30].mean() > 200  # the background is white

    def edges(picture):
        return np.abs(np.diff(picture.astype(float).mean(2), axis=1)).mean()

    assert edges(state.shown) > 1.05 * edges(without.shown)  # sharper than without the LoRA in as few steps


def test_the_prompts_backdrop_decides_the_brightness(painter):
    prompts = [f"studio photo of a red mug, {words}" for words in ("white background", "night city")]
    day, night = painter.paint(prompts, [1, 1], QUICK)
    assert day[:40, :40].mean() > night[:40, :40].mean() + 60


def test_a_higher_strength_preserves_less_of_the_start_image(painter):
    start = draw_recipe(STARTS["mug_photo"]).image
    prompt = "studio photo of a red mug, white background"
    little, much = (painter.repaint(start, prompt, strength, 0, QUICK) for strength in (0.3, 0.9))
    assert measures.psnr(start, little) > measures.psnr(start, much)
    assert measures.overlap(measures.silhouette(start), measures.silhouette(little)) > 0.7


def test_the_autoencoder_is_stable_over_sixteen_round_trips(painter):
    kept = measures.round_trips(painter.fresh.vae, [draw_recipe(STARTS["bottle_photo"]).image], (1, 16))
    assert kept["1"] > 34 and kept["16"] > 27  # measured: 36.6 and 28.8


def test_wide_and_tall_images_are_painted(painter):
    for height, width in ((192, 256), (256, 192)):
        made = painter.paint(["pencil sketch of a chair"], [0], Settings(4, 1.0, height, width))[0]
        assert made.shape == (height, width, 3) and np.std(made) > 5


def test_restore_loads_the_exported_weights():
    nano = Nano(text.read(folder() / "tokenizer"))
    checkpoint.restore(nano, folder())
    weights = load_file(folder() / "unet" / "diffusion_pytorch_model.safetensors")
    learnt = nano.unet.state_dict()
    assert all(torch.equal(learnt[name], value.float()) for name, value in weights.items())


def test_the_bundled_checkpoint_as_a_single_file_paints_equal_images(tmp_path):
    file = write_single_file(folder(), tmp_path / "nano.safetensors")
    frame = Frame(0, 3, Prompt("a red mug", next="a red mug"), painting=Painting(steps=2))
    pictures = [Sdxl(Checkpoint(str(base)), 128, 128, {})(frame, None) for base in (folder(), file)]
    assert (pictures[0] == pictures[1]).all()
