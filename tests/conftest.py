"""Shared small parts: an untrained SDXL checkpoint, LoRAs for it, scenes from a few lines of YAML."""

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
    """What this machine's user has measured of it does not show in any test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANIMATOR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder: SDXL's architecture, small, untrained."""
    from nanolab.blank import blank

    return blank(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def single_file(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same checkpoint as one .safetensors file."""
    from animator.diffusion.single_file import write_single_file

    return write_single_file(checkpoint, tmp_path_factory.mktemp("single") / "small.safetensors")


@pytest.fixture
def film(checkpoint: Path, tmp_path: Path) -> Callable[[str], animator.Scene]:
    """A scene painted by the small checkpoint, from YAML text; relative paths start from `tmp_path`."""

    def scene(text: str, *settings: str) -> animator.Scene:
        base = [f"model.base={checkpoint}", "video.size=64x64"]
        given = text.partition("size:")[1]
        return animator.loads(text, tmp_path, [*(base[:1] if given else base), *settings])

    return scene


@pytest.fixture(scope="session")
def textured() -> Image:
    """A picture with detail everywhere and no symmetry, 96 wide, 80 high."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (10, 12, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8)))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command in a folder of its own: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*args: object) -> tuple[int, str, str]:
        result = CliRunner().invoke(main, [str(arg) for arg in args])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return command
