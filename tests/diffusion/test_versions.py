"""A torchvision that was made for another torch."""

import sys

import pytest
import torch

from animator import ModelError
from animator.diffusion import builds


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
def test_it_is_one_line_with_the_command_that_mends_it():
    with pytest.raises(ModelError) as caught:
        builds.check()
    told = (
        f"torchvision is no build for torch {torch.__version__} (operator torchvision::nms does not exist); "
    )
    assert str(caught.value) == told + builds.remedy(torch.__version__)


@pytest.mark.usefixtures("broken")
def test_every_command_that_paints_tells_it_and_a_preview_needs_no_torch(run, tmp_path):
    (tmp_path / "film.yaml").write_text("video: {frames: 1, size: 64x64}")
    (tmp_path / "photos").mkdir()
    for command in (
        ["render", "film.yaml"],
        ["bench", "film.yaml"],
        ["train", "photos", "-o", "a.safetensors"],
    ):
        status, _, err = run(*command)
        assert status == 3
        assert err.splitlines()[-1].startswith("torchvision is no build for torch")
    assert run("preview", "film.yaml")[0] == 0


def test_the_one_that_is_here_or_none_is_good():
    builds.check()


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("2.13.0+cpu", "torchvision~=0.28.0 --index-url https://download.pytorch.org/whl/cpu"),
        ("2.14.1+cu130", "torchvision~=0.29.0 --index-url https://download.pytorch.org/whl/cu130"),
        ("2.11.0", "torchvision~=0.26.0"),
        ("3.0.0", "torchvision"),
    ],
)
def test_the_build_that_goes_with_a_torch_is_named(version, told):
    assert builds.remedy(version) == f"pip install --force-reinstall --no-deps {told}"
