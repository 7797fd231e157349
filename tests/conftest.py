"""Shared fixtures: an untrained SDXL checkpoint, scenes from a few lines of YAML, a command runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import animator
import animator.diffusion
from animator.cli import main
from animator.frame import Image

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the speed profiles of this machine's user from all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANIMATOR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a diffusers folder with a small, untrained SDXL."""
    from nanolab.blank import blank_checkpoint

    return blank_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def single_file(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint as a single .safetensors file."""
    from nanolab.single_file import write_single_file

    return write_single_file(checkpoint, tmp_path_factory.mktemp("single") / "small.safetensors")


@pytest.fixture
def film(checkpoint: Path, tmp_path: Path) -> Callable[[str], animator.Scene]:
    """Return a function from YAML text to a scene with the small checkpoint; paths are relative to `tmp_path`."""

    def scene(text: str, *settings: str) -> animator.Scene:
        base = [f"model.base={checkpoint}", "video.size=64x64"]
        given = text.partition("size:")[1]
        return animator.loads(text, tmp_path, [*(base[:1] if given else base), *settings])

    return scene


@pytest.fixture(scope="session")
def textured() -> Image:
    """Return an RGB uint8 image, 96 wide and 80 high, with detail everywhere and no symmetry."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (10, 12, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8)))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command in its own folder: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*args: object) -> tuple[int, str, str]:
        result = CliRunner().invoke(main, [str(arg) for arg in args])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return command
