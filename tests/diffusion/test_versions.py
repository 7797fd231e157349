"""Detection of a torchvision that was built for another torch."""

import sys

import pytest
import torch

from animator import ModelError
from animator.diffusion import loading


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A torchvision that fails as one for CUDA does beside a torch for CPUs."""
    (tmp_path / "other" / "torchvision").mkdir(parents=True)
    (tmp_path / "other" / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "other")


@pytest.mark.usefixtures("broken")
def test_a_mismatched_torchvision_is_one_line_with_the_command_that_repairs_it():
    with pytest.raises(ModelError) as caught:
        loading.require_matching_torchvision()
    message = f"torchvision does not match torch {torch.__version__} (operator torchvision::nms does not exist); run: "
    assert str(caught.value) == message + loading.install_command(torch.__version__)


@pytest.mark.usefixtures("broken")
def test_every_command_that_paints_reports_a_mismatch_and_a_preview_needs_no_torch(run, tmp_path):
    (tmp_path / "film.yaml").write_text("video: {frames: 1, size: 64x64}")
    (tmp_path / "photos").mkdir()
    for command in (
        ["render", "film.yaml"],
        ["bench", "film.yaml"],
        ["train", "photos", "-o", "a.safetensors"],
    ):
        status, _, err = run(*command)
        assert status == 3
        assert err.splitlines()[-1].startswith("torchvision does not match torch")
    assert run("preview", "film.yaml")[0] == 0


def test_the_installed_torchvision_or_none_is_accepted():
    loading.require_matching_torchvision()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("2.13.0+cpu", "torchvision~=0.28.0 --index-url https://download.pytorch.org/whl/cpu"),
        ("2.14.1+cu130", "torchvision~=0.29.0 --index-url https://download.pytorch.org/whl/cu130"),
        ("2.11.0", "torchvision~=0.26.0"),
        ("3.0.0", "torchvision"),
    ],
)
def test_the_command_names_the_torchvision_build_for_each_torch(version, message):
    assert loading.install_command(version) == f"pip install --force-reinstall --no-deps {message}"
