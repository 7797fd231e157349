"""The GPU benchmark, as far as it runs without a GPU."""

import json
import sys

import numpy as np
import pytest
import torch

from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Frame, Painting, Prompt
from benchmarks import fullsize, gpu

CPU = torch.device("cpu")
SMALL = {
    "unet": {**fullsize.UNET, "block_out_channels": (32, 32, 64), "transformer_layers_per_block": [1, 1, 1],
             "attention_head_dim": 4, "cross_attention_dim": 96, "addition_time_embed_dim": 8,
             "projection_class_embeddings_input_dim": 48 + 64},
    "vae": {**fullsize.VAE, "block_out_channels": (32, 32, 32, 32)},
    "text_encoder": {**fullsize.TEXT, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    "text_encoder_2": {**fullsize.TEXT_2, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
}  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_benchmark_prints_what_can_run(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu"])
    with pytest.raises(SystemExit) as left:
        gpu.main()
    assert left.value.code == 2
    assert capsys.readouterr().err == f"{gpu.NO_GPU}\n"


def test_the_tiny_benchmark_measures_every_variant_that_a_cpu_supports(capsys, monkeypatch, tmp_path):
    file = tmp_path / "gpu.json"
    options = ["--tiny", "--frames", "3", "--rounds", "1", "--calls", "1", "--out", str(file)]
    monkeypatch.setattr(sys, "argv", ["gpu", *options])
    gpu.main()
    [row] = json.loads(file.read_text())["rows"]
    assert (row["size"], row["calls"]) == (64, 1)
    assert set(row["ways"]) == {"naive", "ours", "ours, small VAE"}
    assert row["ways"]["naive"]["faster"] == 1
    assert row["floor_ms"] > 0
    assert "of the floor" in capsys.readouterr().out


@pytest.mark.slow
def test_the_benchmark_model_has_the_size_and_work_of_sdxl():
    call, vae, numbers = fullsize.work(fullsize.UNET, fullsize.VAE, 1024)
    assert numbers == 2_567_463_684  # parameters of the UNet of stabilityai/stable-diffusion-xl-base-1.0
    assert call == pytest.approx(6.76e12, rel=0.01)
    assert vae == pytest.approx(15.3e12, rel=0.01)


def test_random_weights_in_the_sdxl_layout_paint_images(tmp_path):
    folder = fullsize.write(tmp_path, CPU, SMALL)
    paint = SDXLPainter(CheckpointSpec(str(folder)), 64, 64, {})
    words = Prompt("a red mug", next="a red mug")
    fresh = paint.paint(Frame(0, 1, words, painting=Painting(steps=2, guidance_scale=1)), None)
    assert 10 < np.std(fresh) < 110
    small = fullsize.small_vae(CPU, torch.float32)
    for pipe in (paint.txt2img, paint.img2img):
        pipe.register_modules(vae=small)
    frame = Frame(0, 1, words, painting=Painting(0.5, steps=2, guidance_scale=1))
    painted = paint.paint(frame, fresh)
    assert 10 < np.std(painted) < 110
    assert (np.asarray(paint.paint_on_device(frame, fresh)) == painted).all()
