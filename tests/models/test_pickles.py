"""Every place that names a model refuses each kind of file that can run code."""

import pytest

from animator import SceneError, loads
from animator.errors import ModelError
from animator.models import families
from animator.models.lora_file import read_lora_info
from animator.models.safetensors import read_header

PLACES = {
    "checkpoint": "model: {base: FILE}",
    "VAE": "model: {vae: FILE}",
    "refiner": "model: {refiner: {base: FILE}}",
    "LoRA": "model: {loras: {a: {file: FILE}}}",
    "embedding": "model: {embeddings: {a: FILE}}",
    "ControlNet": "control: {c: {model: FILE, hint: canny, file: a.png}}",
    "IP-Adapter": "ip_adapter: {a: {file: a.png, weights: FILE}}",
    "upscaler": "output: {upscale: FILE}",
}
REFUSED = "only .safetensors|single files are not supported|files of other kinds can run code"


@pytest.mark.parametrize("suffix", [*families.PICKLE_SUFFIXES, ".PTH"])
@pytest.mark.parametrize("place", PLACES)
def test_a_schedule_cannot_name_a_pickle(tmp_path, place, suffix):
    (tmp_path / f"x{suffix}").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(SceneError, match=REFUSED):
        loads(PLACES[place].replace("FILE", f"x{suffix}"), tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", families.PICKLE_SUFFIXES)
def test_loading_refuses_a_pickle_even_past_the_checks(tmp_path, suffix):
    from animator.diffusion.loading import CheckpointSpec, load_pipeline, replace_vae

    (tmp_path / f"x{suffix}").write_bytes(b"x")
    for work in (
        lambda: load_pipeline(CheckpointSpec(f"x{suffix}", tmp_path), None),
        lambda: replace_vae(None, f"x{suffix}", tmp_path, None),
        lambda: read_lora_info(tmp_path / f"x{suffix}"),
    ):
        with pytest.raises(ModelError, match="only .safetensors files are"):
            work()


def test_a_pickle_under_another_name_is_refused_as_damaged(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"PK\x03\x04" * 9)
    for read in (read_header, read_lora_info):
        with pytest.raises(ModelError, match="not a .safetensors file"):
            read(tmp_path / "x.safetensors")
