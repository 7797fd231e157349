"""Checkpoints from a folder, a single file or a hub id; missing or foreign ones are reported in one line."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from animator import ModelError
from animator.diffusion.loading import CheckpointSpec, device_for, dtype_for, load_pipeline
from animator.diffusion.sdxl import SDXLPainter

CPU = torch.device("cpu")


def test_a_single_file_paints_what_its_folder_paints(checkpoint, single_file, frame):
    folder, file = (SDXLPainter(CheckpointSpec(str(base)), 64, 64, {}) for base in (checkpoint, single_file))
    assert (folder.paint(frame(), None) == file.paint(frame(), None)).all()


def test_a_single_file_without_configs_takes_those_of_a_folder(checkpoint, single_file, tmp_path, frame):
    save_file(load_file(single_file), tmp_path / "bare.safetensors")
    source = CheckpointSpec("bare.safetensors", tmp_path, checkpoint)
    assert SDXLPainter(source, 64, 64, {}).paint(frame(), None).std() > 10


def refused(source):
    with pytest.raises(ModelError) as caught:
        load_pipeline(source, torch.float32)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_a_single_file_without_configs_is_refused_with_the_download_command(
    single_file, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    save_file(load_file(single_file), tmp_path / "bare.safetensors")
    assert "hf download stabilityai/stable-diffusion-xl-base-1.0" in refused(
        CheckpointSpec("bare.safetensors", tmp_path)
    )


def test_a_path_that_is_not_a_checkpoint_is_refused_with_the_reason(checkpoint, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.ckpt").write_bytes(b"")
    (tmp_path / "x.safetensors").write_bytes(b"rubbish")
    assert "no model_index.json" in refused(CheckpointSpec("empty", tmp_path))
    assert "only .safetensors files are loaded" in refused(CheckpointSpec("x.ckpt", tmp_path))
    assert "no such file" in refused(CheckpointSpec("gone.safetensors", tmp_path))
    assert "no such folder or file" in refused(CheckpointSpec("gone", tmp_path))
    assert "cannot be loaded as SDXL" in refused(CheckpointSpec("x.safetensors", tmp_path, checkpoint))


def test_a_hub_id_missing_from_the_cache_is_refused_with_the_download_command(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in refused(CheckpointSpec("someone/nothing"))
    assert "hf download someone/nothing" in refused(CheckpointSpec("someone/nothing"))


def test_a_folder_of_another_kind_or_with_foreign_code_is_refused(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, "_class_name": "FluxPipeline"}))
    assert "holds a FluxPipeline" in refused(CheckpointSpec(str(copy)))
    (copy / "model_index.json").write_text(json.dumps({**index, "unet": ["mymodule", "Unet"]}))
    assert "unet would load code from 'mymodule'" in refused(CheckpointSpec(str(copy)))


def test_an_unavailable_device_is_refused_with_the_available_ones():
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(
        ModelError, match=f"device '{missing}' is not available on this computer; available: .*cpu"
    ):
        device_for(missing)


@pytest.mark.parametrize(
    ("wanted", "dtype"), [("auto", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)]
)
def test_a_cpu_computes_in_float32_unless_another_dtype_is_set(wanted, dtype):
    assert dtype_for(wanted, CPU) is dtype


def test_weights_are_loaded_in_the_dtype_asked_for(checkpoint):
    pipe = load_pipeline(CheckpointSpec(str(checkpoint)), torch.bfloat16)
    networks = (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2)
    assert {network.dtype for network in networks} == {torch.bfloat16}


@pytest.mark.gpu
def test_a_gpu_paints_in_bfloat16(checkpoint, frame):
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint), device="cuda"), 64, 64, {})
    assert sdxl.txt2img.unet.dtype is torch.bfloat16
    assert sdxl.paint(frame(), None).std() > 10
