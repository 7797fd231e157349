"""Single-file checkpoints: written from a folder and read back by unmodified diffusers."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors import safe_open

from animator.diffusion.single_file import CONFIG_ENTRY, embedded_config
from nanolab.blank import blank_checkpoint
from nanolab.single_file import NETWORKS, write_single_file

torch.set_num_threads(1)

SHAPES: dict[str, dict[str, Any]] = {
    "two levels": {"levels": (32, 64), "layers": 1, "depths": (0, 1)},
    "three levels": {"levels": (32, 64, 96), "layers": 2, "depths": (0, 1, 2), "vae_attention": True},
}


@pytest.fixture(scope="session", params=SHAPES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint of each shape, built once."""
    return blank_checkpoint(tmp_path_factory.mktemp("blank"), **SHAPES[request.param])


@pytest.fixture(scope="session")
def file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of `folder` as a single file."""
    return write_single_file(folder, tmp_path_factory.mktemp("file") / "blank.safetensors")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint to copy for tests that damage it."""
    return blank_checkpoint(tmp_path_factory.mktemp("small"))


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A copy of a checkpoint that a test may damage."""
    return shutil.copytree(small, tmp_path / "copy")


def from_file(file: Path, config: Path) -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_single_file(
        str(file), config=str(config), local_files_only=True, dtype=torch.float32
    )


def from_folder(folder: Path) -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(folder, local_files_only=True)


def different(one: StableDiffusionXLPipeline, other: StableDiffusionXLPipeline) -> list[str]:
    """Return the names of the parameters that differ between two pipelines."""
    names = []
    for part in NETWORKS:
        ours, theirs = (getattr(pipe, part).state_dict() for pipe in (one, other))
        names += [f"{part}.{name}" for name in ours.keys() ^ theirs.keys()]
        both = ours.keys() & theirs.keys()
        names += [f"{part}.{name}" for name in both if not torch.equal(ours[name], theirs[name])]
    return names


def image(pipe: StableDiffusionXLPipeline, prompt: str = "a red chair") -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(3)
    sizes = {"height": 64, "width": 64, "num_inference_steps": 2}
    return np.asarray(pipe(prompt, generator=generator, **sizes).images[0])


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_every_weight_is_read_back_to_the_bit(folder: Path, file: Path) -> None:
    assert different(from_folder(folder), from_file(file, folder)) == []


def test_folder_and_file_paint_the_same_image(folder: Path, file: Path) -> None:
    np.testing.assert_array_equal(image(from_folder(folder)), image(from_file(file, folder)))


def test_a_single_file_needs_no_other_configs(folder: Path, file: Path, tmp_path: Path) -> None:
    config = embedded_config(file, tmp_path / "config")
    assert config == tmp_path / "config"
    assert not list(config.rglob("*.safetensors"))
    alone, beside = from_file(file, config), from_folder(folder)
    assert different(alone, beside) == []
    np.testing.assert_array_equal(image(alone), image(beside))


def test_configs_are_restored_to_the_byte(folder: Path, file: Path, tmp_path: Path) -> None:
    embedded_config(file, tmp_path)
    restored = [path for path in tmp_path.rglob("*") if path.is_file()]
    texts = [path for path in folder.rglob("*") if path.suffix in (".json", ".txt")]
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in restored}
    assert found == {path.relative_to(folder).as_posix(): path.read_bytes() for path in texts}
    assert {"tokenizer_2/vocab.json", "tokenizer/merges.txt", "model_index.json"} <= found.keys()


def test_hidden_folders_are_left_out(copy: Path, tmp_path: Path) -> None:
    (copy / ".cache").mkdir()
    (copy / ".cache/secret.json").write_text("{}")
    config = embedded_config(write_single_file(copy, tmp_path / "file.safetensors"), tmp_path / "config")
    assert config is not None
    assert (config / "model_index.json").is_file()
    assert not (config / ".cache").exists()


def test_the_same_folder_gives_the_same_bytes(folder: Path, file: Path, tmp_path: Path) -> None:
    assert write_single_file(folder, tmp_path / "again.safetensors").read_bytes() == file.read_bytes()
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    assert list(header) == [CONFIG_ENTRY]
    names = list(json.loads(header[CONFIG_ENTRY]))
    assert names == sorted(names)  # independent of the file system's order


def test_the_file_is_readable_by_all_users_and_no_draft_is_left(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file]


def test_a_checkpoint_in_shards_is_read_completely(small: Path, copy: Path, tmp_path: Path) -> None:
    from_folder(small).unet.save_pretrained(copy / "unet", max_shard_size="1MB")
    (copy / "unet/diffusion_pytorch_model.safetensors").unlink(missing_ok=True)
    file = write_single_file(copy, tmp_path / "shards.safetensors")
    config = embedded_config(file, tmp_path / "config")
    assert config is not None
    assert not list(config.rglob("*.index.json"))
    assert different(from_file(file, config), from_folder(small)) == []


def test_half_precision_stays_half_precision(small: Path, tmp_path: Path) -> None:
    half = from_folder(small).to(dtype=torch.float16)
    half.save_pretrained(tmp_path / "half")
    file = write_single_file(tmp_path / "half", tmp_path / "half.safetensors")
    with safe_open(file, framework="pt") as opened:
        assert {opened.get_slice(name).get_dtype() for name in opened.keys()} == {"F16"}  # noqa: SIM118
    assert different(from_file(file, tmp_path / "half"), half.to(dtype=torch.float32)) == []


def test_text_encoders_of_one_width_are_refused(copy: Path, tmp_path: Path) -> None:
    edit(copy / "text_encoder/config.json", hidden_size=64)
    with pytest.raises(ValueError, match="both text encoders are 64 wide"):
        write_single_file(copy, tmp_path / "file.safetensors")


def test_uneven_layers_are_refused(copy: Path, tmp_path: Path) -> None:
    edit(copy / "unet/config.json", layers_per_block=[1, 2])
    with pytest.raises(ValueError, match=r"layers_per_block is \[1, 2\]"):
        write_single_file(copy, tmp_path / "file.safetensors")


@pytest.mark.parametrize("name", ["model_index.json", "vae/config.json", "text_encoder_2/model.safetensors"])
def test_an_incomplete_folder_is_refused_with_the_missing_file(name: str, copy: Path, tmp_path: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(ValueError, match=Path(name).name):
        write_single_file(copy, tmp_path / "file.safetensors")


def test_a_failed_write_leaves_the_old_file(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object, draft: Path, **__: object) -> None:
        draft.write_text("half")
        raise OSError("disk full")

    file = tmp_path / "file.safetensors"
    file.write_text("old")
    monkeypatch.setattr("nanolab.single_file.save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        write_single_file(small, file)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == {file: "old"}
