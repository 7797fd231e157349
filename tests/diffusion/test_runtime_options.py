"""VAE, memory mode, prediction type and compilation of a checkpoint: planned, logged or refused before loading."""

import json
import logging
import shutil

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors.torch import load_file, save_file

from animator import ModelError
from animator.diffusion import memory
from animator.diffusion.controlnet import ControlNetSpec
from animator.diffusion.loading import CheckpointSpec, load_pipeline
from animator.diffusion.noise_levels import Schedulers
from animator.diffusion.sdxl import SDXLPainter
from animator.diffusion.unet_patches import MIN_CALLS_TO_COMPILE, should_compile
from animator.frame import Painting
from animator.models import nano
from animator.models.safetensors import count_parameters, read_header
from animator.render.pipeline import load_painter

CPU, CUDA, HALF = torch.device("cpu"), torch.device("cuda"), torch.bfloat16


def distance(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a small autoencoder like TAESDXL."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(1)
    vae = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )
    vae.save_pretrained(folder)
    return folder


def painted(checkpoint, frame, **settings):
    return SDXLPainter(CheckpointSpec(str(checkpoint), **settings), 64, 64, {}).paint(
        frame(strength=0.6), None
    )


def test_a_tiny_autoencoder_can_replace_the_vae(checkpoint, tiny, frame):
    paint = SDXLPainter(CheckpointSpec(str(checkpoint), vae=str(tiny)), 64, 64, {})
    assert isinstance(paint.img2img.vae, AutoencoderTiny)
    fresh = paint.paint(frame(), None)
    assert fresh.shape == (64, 64, 3)
    assert paint.paint(frame(strength=0.5), fresh).shape == (64, 64, 3)


def test_the_checkpoints_own_vae_loaded_separately_paints_the_same_bytes(checkpoint, frame, tmp_path):
    file = tmp_path / "vae.safetensors"
    shutil.copy(checkpoint / "vae" / "diffusion_pytorch_model.safetensors", file)
    plain = painted(checkpoint, frame)
    assert (painted(checkpoint, frame, vae=str(checkpoint)) == plain).all()  # the VAE in a whole checkpoint
    assert (painted(checkpoint, frame, vae="vae.safetensors", folder=tmp_path) == plain).all()


def refused(checkpoint, vae):
    with pytest.raises(ModelError) as error:
        load_pipeline(CheckpointSpec(str(checkpoint), vae=str(vae)), torch.float32)
    return str(error.value)


def test_a_vae_of_another_model_is_refused(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    vae = AutoencoderKL.from_pretrained(checkpoint / "vae", local_files_only=True)
    vae.register_to_config(scaling_factor=0.18215)
    vae.save_pretrained(tmp_path / "sd15")
    assert "its latents are scaled by 0.18215" in refused(checkpoint, tmp_path / "sd15")
    wide = tmp_path / "wide.safetensors"
    save_file({"decoder.conv_in.weight": torch.zeros(8, 16, 3, 3)}, wide)
    assert "has 16 latent channels; SDXL's VAE has 4" in refused(checkpoint, wide)
    assert "holds a UNet2DConditionModel, not a VAE" in refused(checkpoint, checkpoint / "unet")
    assert "does not hold a VAE" in refused(
        checkpoint, checkpoint / "unet" / "diffusion_pytorch_model.safetensors"
    )
    assert "no such file" in refused(checkpoint, tmp_path / "none.safetensors")
    assert "hf download madebyollin/taesdxl" in refused(checkpoint, "taesdxl")


def test_a_single_files_markers_set_the_prediction_type(checkpoint, single_file, tmp_path):
    plain = load_pipeline(CheckpointSpec(str(single_file), config=checkpoint), torch.float32).scheduler
    assert plain.config.prediction_type == "epsilon"
    file = tmp_path / "v.safetensors"
    save_file({**load_file(single_file), "v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, file)
    scheduler = load_pipeline(CheckpointSpec(str(file), config=checkpoint), torch.float32).scheduler
    assert scheduler.config.prediction_type == "v_prediction"
    schedulers = Schedulers(dict(scheduler.config))
    scheduler, arguments = schedulers.for_image_to_image(Painting(1.0, steps=4, sampler="DPM++ 2M"))
    assert scheduler.config.prediction_type == "v_prediction"
    scheduler.set_timesteps(timesteps=arguments["timesteps"])
    assert scheduler.sigmas[0] > 4000  # pure noise


def test_the_schedules_prediction_type_takes_effect(checkpoint, frame):
    assert (painted(checkpoint, frame, prediction="epsilon") == painted(checkpoint, frame)).all()
    assert distance(painted(checkpoint, frame, prediction="v_prediction"), painted(checkpoint, frame)) > 1


def test_weights_are_counted_from_headers(checkpoint, single_file):
    pipe = load_pipeline(CheckpointSpec(str(checkpoint)), torch.float32)
    for name in memory.SDXL_PARAMETERS:
        assert count_parameters(checkpoint / name) == pytest.approx(
            getattr(pipe, name).num_parameters(), rel=0.01
        )
    whole = memory.plan_memory(CheckpointSpec(str(checkpoint)), CPU, HALF, 64 * 64)
    one = memory.plan_memory(CheckpointSpec(str(single_file)), CPU, HALF, 64 * 64)
    assert one.needs["fast"] == pytest.approx(whole.needs["fast"], rel=0.02)


def test_a_file_that_is_not_safetensors_is_refused(tmp_path):
    (tmp_path / "no.safetensors").write_bytes(b"PK\x03\x04" * 9)
    with pytest.raises(ModelError, match="not a .safetensors file"):
        read_header(tmp_path / "no.safetensors")


def plan(free, monkeypatch, wanted="auto", pixels=1024**2, beside=memory.ExtraNetworks()):
    """Plan the memory for SDXL in bfloat16 on a GPU with `free` gigabytes."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free * 1e9, 80e9))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = CheckpointSpec("stabilityai/stable-diffusion-xl-base-1.0", memory=wanted)
    return memory.plan_memory(source, CUDA, HALF, pixels, beside)


def test_auto_takes_the_fastest_mode_that_fits(monkeypatch):
    assert [plan(free, monkeypatch).mode for free in (80, 24, 12, 10, 9, 6, 3)] == [
        *("fast", "fast", "fast", "balanced", "balanced", "low", "low")
    ]
    assert plan(80, monkeypatch, "low").mode == "low"
    assert plan(12, monkeypatch, pixels=2048**2).mode == "balanced"  # the image size counts


def test_extra_networks_count_and_controlnets_stay_on_the_gpu(monkeypatch):
    alone = plan(10.5, monkeypatch)
    net = memory.ExtraNetworks(always_on_device=1_250_000_000)  # a ControlNet for SDXL: 2.5 GB
    guided = plan(10.5, monkeypatch, beside=net)
    assert (alone.mode, guided.mode) == ("fast", "low")
    assert [guided.needs[way] - alone.needs[way] for way in memory.MODES] == pytest.approx([2.5e9] * 3)
    like = plan(10.5, monkeypatch, beside=memory.ExtraNetworks(unet=40_000_000, image_encoder=632_000_000))
    more = [like.needs[way] - alone.needs[way] for way in memory.MODES]
    assert more == pytest.approx(
        [1.344e9, 0.08e9, 0.002e9]
    )  # the image encoder is offloaded as the text encoders are


def test_loras_count_and_missing_files_are_left_out_and_marked_as_about(monkeypatch, lora, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    weights = sum(values.numel() for values in load_file(lora).values())
    assert memory.count_extra_networks([], None, [], [lora]) == memory.ExtraNetworks(unet=weights)
    assert memory.count_extra_networks(
        [ControlNetSpec("nobody/no-such-net")], None, [], [lora]
    ) == memory.ExtraNetworks(unet=weights, complete=False)
    assert not memory.count_extra_networks([], str(tmp_path), [], []).complete
    assert " needs about " in str(plan(24, monkeypatch, beside=memory.ExtraNetworks(complete=False)))


@pytest.mark.parametrize(
    "larger",
    [
        "output: {upscale: {by: second-pass, factor: 8}}",
        "masks: {all: {polygon: [[0, 0], [1, 0], [1, 1]]}}\ndetail: {mask: all, scale: 8}",
    ],
)
def test_the_largest_image_of_a_film_counts(film, caplog, larger):
    with caplog.at_level(logging.INFO):
        load_painter(film("video: {frames: 2}"))
        assert not caplog.messages
        load_painter(film(f"video: {{frames: 2}}\n{larger}"))
    assert caplog.messages[0].startswith("memory: fast needs 1.1 GB of the ")  # 512x512 in float32


def test_the_memory_mode_on_a_cpu_does_not_depend_on_other_programs(checkpoint):
    assert memory.plan_memory(CheckpointSpec(str(checkpoint)), CPU, HALF, 10**13).mode == "fast"


def test_sdxls_own_size_is_known_without_its_files(monkeypatch):
    found = plan(24, monkeypatch)
    assert 6.9e9 < found.needs["fast"] - 2 * 1024 * 1024**2 < 7.0e9  # 6.94 GB of weights
    assert str(found) == "memory: fast needs about 9.1 GB of the 24.0 GB free on cuda"
    assert "may not fit; a smaller video.size or model.vae: taesdxl" in str(plan(1, monkeypatch))


def test_the_memory_plan_is_logged_before_loading(checkpoint, frame, caplog):
    with caplog.at_level(logging.INFO):
        painted(checkpoint, frame)
        assert not caplog.messages  # small needs are not logged
        painted(checkpoint, frame, memory="balanced")
    assert caplog.messages[0].startswith("memory: balanced needs 0.0 GB of the ")


@pytest.mark.parametrize("way", ["fast", "balanced"])
def test_fast_and_balanced_modes_paint_the_same(checkpoint, frame, way):
    assert (painted(checkpoint, frame, memory=way) == painted(checkpoint, frame)).all()


def test_8_bit_layers_paint_nearly_the_same_also_with_a_lora(frame):
    plain, low = (
        SDXLPainter(CheckpointSpec(str(nano.weights_folder()), memory=way), 64, 64, dict(nano.BUNDLED_LORAS))
        for way in ("fast", "low")
    )
    stored = {value.dtype for value in low.txt2img.unet.parameters()}
    assert torch.float8_e4m3fn in stored
    given = frame(steps=4, guidance_scale=1.0, loras={"nano-few-steps": 1.0})
    one, other = plain.paint(given, None), low.paint(given, None)
    assert 0 < distance(one, other) < 12


def test_the_vae_decodes_in_tiles_in_low_mode_unless_the_image_is_tileable(checkpoint, frame):
    paint = SDXLPainter(CheckpointSpec(str(checkpoint), memory="low"), 64, 64, {})
    assert paint.txt2img.vae.use_tiling and paint.txt2img.vae.tile_sample_min_size == 512
    whole = SDXLPainter(CheckpointSpec(str(checkpoint), memory="low", tiling="both"), 64, 64, {})
    assert not whole.txt2img.vae.use_tiling  # VAE tiles would break the seamless edges


def test_group_offloading_paints_the_same(checkpoint, frame):
    """Offload as memory: low does on a GPU, but from the CPU to the CPU."""
    plain = painted(checkpoint, frame)
    paint = SDXLPainter(CheckpointSpec(str(checkpoint)), 64, 64, {})
    paint.txt2img.enable_group_offload(CPU, offload_type="leaf_level", exclude_modules=["vae"])
    fresh = paint.paint(frame(strength=0.6), None)
    assert (fresh == plain).all()
    mask = np.full((64, 64), 255, np.uint8)
    assert paint.paint(frame(strength=0.6), fresh, mask=mask).shape == fresh.shape


def test_auto_compiles_only_long_films_on_cuda():
    assert not should_compile("off", CUDA, MIN_CALLS_TO_COMPILE, "fast")
    assert not should_compile("auto", CPU, MIN_CALLS_TO_COMPILE, "fast")
    assert not should_compile("auto", CUDA, MIN_CALLS_TO_COMPILE - 1, "fast")
    assert not should_compile("auto", CUDA, MIN_CALLS_TO_COMPILE, "balanced")
    assert should_compile("on", CPU, 1, "fast")
    with pytest.raises(ModelError, match="cannot be combined with model.memory: low"):
        should_compile("on", CPU, 1, "low")


@pytest.mark.slow
def test_a_compiled_unet_paints_nearly_the_same(checkpoint, frame):
    compiled = painted(checkpoint, frame, compile="on")
    assert distance(compiled, painted(checkpoint, frame)) < 0.5


def test_a_vae_for_sdxl_is_refused_for_nano():
    from animator import SceneError, loads

    with pytest.raises(SceneError, match="model.vae: taesdxl is a VAE for SDXL; it does not fit nano"):
        loads("video: {frames: 2}\nmodel: {vae: taesdxl}\n")
    assert json.loads((nano.weights_folder() / "vae" / "config.json").read_text())["scaling_factor"] == 1.0


def test_render_logs_the_memory_plan_before_it_paints(checkpoint, tmp_path):
    from click.testing import CliRunner

    from animator.cli import main

    (tmp_path / "film.yaml").write_text(
        f"model: {{base: {checkpoint}, memory: low}}\nvideo: {{size: 64x64, frames: 1}}\npainting: {{steps: 1}}\n"
    )
    result = CliRunner().invoke(main, ["render", str(tmp_path / "film.yaml"), "-o", str(tmp_path / "run")])
    assert result.exit_code == 0
    assert result.stderr.startswith("memory: low needs 0.0 GB of the ")
    assert result.stdout.strip().endswith("video.mp4")
