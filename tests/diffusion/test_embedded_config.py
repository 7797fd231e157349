"""Configs in untrusted single-file headers: valid ones are restored, unsafe ones refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from animator.diffusion.single_file import CONFIG_ENTRY, embedded_config


def stranger(path: Path, entry: str) -> Path:
    """Write a file with the header `entry` in place of the configs, as a stranger could."""
    save_file({"a": torch.ones(1)}, path, metadata={CONFIG_ENTRY: entry})
    return path


def test_a_file_without_configs_restores_no_folder(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "plain.safetensors")
    assert embedded_config(tmp_path / "plain.safetensors", tmp_path / "config") is None
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../out.json", "vae/../../out.json", "..", "/tmp/out.json", "//tmp/out.json", "C:out.json",
        "C:/out.json", "..\\out.json", "vae\\config.json", "", ".", "./out.json", "vae//out.json", "vae/",
        "out\0.json", "\ud800.json", "good.json/out.json", "model.safetensors", "unet/model.bin", "pipe.py",
    ],
)  # fmt: skip
def test_a_path_outside_the_folder_or_of_another_type_is_refused(name: str, tmp_path: Path) -> None:
    file = stranger(tmp_path / "file.safetensors", json.dumps({"good.json": "{}", name: "{}"}))
    with pytest.raises(ValueError, match=r"is not a \.json or \.txt in a folder"):
        embedded_config(file, tmp_path / "deep/config")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("", "Expecting value"),
        ("not json", "Expecting value"),
        ("[]", "must map"),
        ('"text"', "must map"),
        ('{"a.json": 1}', "must map"),
        ('{"a.json": "\\ud800"}', "surrogates"),
    ],
)
def test_a_header_other_than_a_table_of_texts_is_refused(entry: str, reason: str, tmp_path: Path) -> None:
    file = stranger(tmp_path / "file.safetensors", entry)
    with pytest.raises(ValueError, match=reason):
        embedded_config(file, tmp_path / "config")
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_empty_is_left_unchanged(tmp_path: Path) -> None:
    file = stranger(tmp_path / "file.safetensors", '{"a.json": "{}"}')
    with pytest.raises(ValueError, match="not empty"):
        embedded_config(file, tmp_path)
    assert list(tmp_path.iterdir()) == [file]
