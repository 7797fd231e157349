"""Plug-ins, as installed packages that the command line finds by their entry points: those of docs/plugins.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from animator.errors import PluginError
from animator.scene.plugins import Registry, require_callable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf8")
FILM = "video: {frames: 5, size: 64x64}\nmodel: {base: grey}\npainting: {strength: 1}\n"


def blocks(language: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


FILM_OF_THE_PAGE = blocks("yaml")[0]
VIGNETTE = FILM_OF_THE_PAGE[FILM_OF_THE_PAGE.index("stages:") :]


def install(folder: Path, name: str, module: str, entry_points: dict[str, dict[str, str]]) -> None:
    """Write a package as pip installs it: a module, and the metadata that lists its entry points."""
    (folder / f"{name}.py").write_text(module, encoding="utf8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in items.items())
        for group, items in entry_points.items()
    )
    (info / "entry_points.txt").write_text(groups)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder of installed packages: the two of the page."""
    folder = tmp_path_factory.mktemp("site")
    points = [tomllib.loads(text)["project"]["entry-points"] for text in blocks("toml")]
    vignette, *extras = blocks("python")
    install(folder, "animator_vignette", vignette, points[0])
    install(folder, "animator_extras", "\n".join(extras), points[1])
    return folder


def run(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `animator` in `folder`, with the packages in `site` installed."""
    paths = os.pathsep.join([str(site), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", "from animator.cli import main; main()", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_stage_and_a_family_of_models_paint_a_film_and_a_deliverable_is_made_of_it(site, tmp_path):
    (tmp_path / "film.yaml").write_text(FILM + VIGNETTE + "output: {also: [palette]}\n")
    done = run(site, tmp_path, "render", "film.yaml", "-o", "out")
    assert done.returncode == 0, done.stderr
    levels = [int(line[1:3], 16) for line in (tmp_path / "out" / "palette.txt").read_text().split()]
    assert levels[0] == 255 and levels == sorted(levels, reverse=True) and levels[-1] < 230


def test_the_stage_is_checked_with_line_and_column(site, tmp_path):
    (tmp_path / "film.yaml").write_text(FILM + VIGNETTE.replace("0.8", "1.8"))
    done = run(site, tmp_path, "check", "film.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("film.yaml:6:") and "stages.vignette.amount" in done.stderr


def test_a_command_of_a_plug_in_is_listed_and_runs(site, tmp_path):
    (tmp_path / "film.yaml").write_text(FILM_OF_THE_PAGE)
    assert "Print how dark the corners" in run(site, tmp_path, "--help").stdout
    done = run(site, tmp_path, "darkness", "film.yaml")
    assert done.stdout.split("\n")[::4] == ["0 0", "4 0.8"], done.stderr


def test_an_importer_reads_its_files_and_is_named_where_a_file_is_unknown(site, tmp_path):
    (tmp_path / "move.zooms").write_text("1\n1.02\n1.05\n")
    done = run(site, tmp_path, "import", "move.zooms")
    assert done.returncode == 0, done.stderr
    assert "a list of zooms" in done.stdout and "frames: 3" in done.stdout and "1.05" in done.stdout
    (tmp_path / "other.json").write_text("{}")
    assert "known: a list of zooms, " in run(site, tmp_path, "import", "other.json").stderr


def test_an_unknown_model_is_refused_in_one_line_that_names_the_families(site, tmp_path):
    (tmp_path / "film.yaml").write_text(FILM.replace("grey", "gray"))
    done = run(site, tmp_path, "render", "film.yaml", "-o", "out")
    assert done.returncode == 3
    assert done.stderr.endswith("allowed: nano, a hub id, a folder, a .safetensors file, a model of grey\n")
    assert "Traceback" not in done.stderr


@pytest.fixture
def broken(tmp_path):
    """A folder with an installed package that cannot be imported, in every group."""
    folder = tmp_path / "site"
    folder.mkdir()
    groups = ("stages", "commands", "deliverables", "importers", "painters")
    install(
        folder,
        "broken",
        "import a_module_that_is_not_there\n",
        {f"animator.{group}": {"broken": "broken:thing"} for group in groups},
    )
    return folder


def test_a_broken_plug_in_does_not_disturb_a_film_that_does_not_need_it(broken, tmp_path):
    (tmp_path / "film.yaml").write_text("video: {frames: 5, size: 64x64}\n")
    done = run(broken, tmp_path, "check", "film.yaml")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def test_a_broken_plug_in_that_is_used_is_reported_in_one_line(broken, tmp_path):
    (tmp_path / "film.yaml").write_text("video: {frames: 5}\nstages: {broken: {amount: 1}}\n")
    done = run(broken, tmp_path, "check", "film.yaml")
    assert done.returncode == 2
    assert "plug-in 'broken' (broken:thing) cannot be loaded" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    done = run(broken, tmp_path, "broken")
    assert done.returncode == 3 and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_broken_plug_in_is_reported_once_however_often_it_is_asked(broken, tmp_path):
    (tmp_path / "film.yaml").write_text(FILM)
    rendered = run(broken, tmp_path, "render", "film.yaml", "-o", "out")
    assert rendered.returncode == 3
    assert rendered.stderr.count("plug-in 'broken' (broken:thing) cannot be loaded") == 1
    (tmp_path / "other.json").write_text("{}")
    imported = run(broken, tmp_path, "import", "other.json")
    assert imported.returncode == 2
    assert imported.stderr.count("plug-in 'broken' (broken:thing) cannot be loaded") == 1


def test_an_unknown_feature_is_refused_with_those_that_are_known():
    registry: Registry[object] = Registry("animator.nothing", "toy", {"ball": len}, require_callable)
    assert registry.load("ball") is len
    with pytest.raises(PluginError, match="no toy 'bal'; did you mean 'ball'"):
        registry.load("bal")
