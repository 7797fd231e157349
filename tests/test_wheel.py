"""The built wheel has the package and its data, leaves nanolab out, and works without the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
import animator
from animator.render.painter import FlatPainter
assert Path(animator.__file__).is_relative_to(sys.argv[1]), animator.__file__
scene = animator.loads("video: {frames: 2, size: 64x64}")
frames = [state.shown.shape for _, state in animator.animate(scene, paint=FlatPainter(np.zeros((64, 64, 3), np.uint8)))]
assert frames == [(64, 64, 3)] * 2, frames
assert not any("nanolab" in name for name in sys.modules)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return out / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as file:
        return file.namelist()


def test_the_wheel_has_every_module_and_data_file_of_the_package(names):
    package = [
        path for path in (ROOT / "animator").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    folders = [
        path for folder in ("presets", "schedules") for path in (ROOT / folder).rglob("*") if path.is_file()
    ]
    wanted = {path.relative_to(ROOT).as_posix() for path in package}
    wanted |= {f"animator/{path.relative_to(ROOT).as_posix()}" for path in folders}
    found = {name for name in names if ".dist-info/" not in name}
    assert found == wanted
    weights = "animator/models/nano/weights"
    for name in (
        "animator/models/nano/__init__.py",
        f"{weights}/MODEL_CARD.md",
        f"{weights}/unet/diffusion_pytorch_model.safetensors",
        "animator/presets/concept-reveal.yaml",
        "animator/schedules/01_zoom.yaml",
        "animator/scene/styles.yaml",
    ):
        assert name in found
    assert any(name.startswith("animator/viewer/templates/") for name in found)


def test_the_wheel_leaves_out_nanolab_and_the_tests(names):
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"animator"}


def test_the_unpacked_wheel_renders_without_the_repository(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", FILM, str(tmp_path / "site")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
