"""A process killed at any moment loses nothing: the resumed run ends with equal bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image as Pillow

from animator import RunError
from animator.runs.run import Run

FRAMES = 240
FLAT = """
import sys, time
from pathlib import Path
from animator.models.painter import as_painter
from animator.render.painter import FlatPainter
from animator.render.views import read_start_image
from animator.runs.render import render_run, reopen_run

def painter(scene):
    flat = FlatPainter(read_start_image(scene))

    def paint(frame, start):
        time.sleep(float(sys.argv[2]))  # stands for the time of a model
        return flat.paint(frame, start)

    return as_painter(paint)

for frame in render_run(*reopen_run(Path(sys.argv[1])), painter):
    print(frame.index, flush=True)
"""
SCENE = """\
video: {{size: 160x120, frames: {frames}}}
start: {{image: start.png}}
motion: {{zoom: 1.01, angle: 1}}
painting: {{strength: "0 if 20 <= t < 30 else 0.4", steps: 3, guidance_scale: 1, mask: "!dark | product"}}
grade: {{color: lab, noise: 0.05, sharpen: 0.2}}
masks:
  product: {{polygon: [[0.3, 0.3], [0.7, 0.3], [0.5, 0.8]], feather: 2}}
  dark: {{luminance: [0, 0.4]}}
lock: {{mask: product, strength: {{0: 1, end: 0.6}}}}
cuts: [7, 50, 111]
cadence: 3
model: {{base: {base}}}
"""


@pytest.fixture
def begin(tmp_path, textured):
    """Return a function that creates a run in a named folder, without painting a frame."""
    from animator import load
    from animator.runs import render

    Pillow.fromarray(textured).save(tmp_path / "start.png")

    def begun(name: str, frames: int, base: Path | str = "none/needed") -> Path:
        file = tmp_path / "film.yaml"
        file.write_text(SCENE.format(frames=frames, base=base))
        return render.start_run(load(file), file, tmp_path / name).folder

    return begun


def images(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted((folder / "frames").iterdir())
        if path.suffix == ".png"
    }


def flat(folder: Path, seconds: float = 0.01) -> list[str]:
    return [sys.executable, "-c", FLAT, str(folder), str(seconds)]


def cli(folder: Path) -> list[str]:
    code = "import os; os.environ['OMP_NUM_THREADS'] = '1'; from animator.cli import main; main()"
    return [sys.executable, "-c", code, "resume", str(folder)]


def kill(command: list[str], folder: Path, after: float) -> None:
    """Run a command and kill it `after` seconds after it has written a journal line."""
    journal = folder / "journal.jsonl"
    before = journal.stat().st_size
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and journal.stat().st_size == before:
            time.sleep(0.002)
        time.sleep(after)
        process.kill()


def test_kills_at_random_moments_change_no_byte(begin):
    whole, torn = begin("whole", FRAMES), begin("torn", FRAMES)
    subprocess.run(flat(whole), check=True, capture_output=True)
    chance, saved = random.Random(5), [0]
    for _ in range(8):
        kill(flat(torn), torn, chance.random() * 0.1)
        saved.append(len(Run.open(torn).saved))
    assert saved == sorted(saved)
    assert len(set(saved)) > 4, "too few kills hit a render under way"
    subprocess.run(flat(torn), check=True, capture_output=True)
    assert images(torn) == images(whole)
    assert (torn / "video.mp4").read_bytes() == (whole / "video.mp4").read_bytes()
    assert sorted(path.name for path in torn.iterdir()) == sorted(path.name for path in whole.iterdir())


def test_ctrl_c_names_the_resume_command_and_the_film_ends_the_same(begin, checkpoint):
    whole, torn = begin("whole", 10, checkpoint), begin("torn", 10, checkpoint)
    subprocess.run(cli(whole), check=True, capture_output=True)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(cli(torn), start_new_session=True, **pipes)
    while process.poll() is None and not any((torn / "frames").glob("0*.png")):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # to the process and its children, as a terminal does
    _, words = process.communicate()
    if process.returncode != 0:  # otherwise the run was finished before the signal
        assert process.returncode == 130
        assert f"go on with: animator resume {torn}" in words
        assert "Traceback" not in words
        assert not (torn / "video.mp4").exists()
    subprocess.run(cli(torn), check=True, capture_output=True)
    assert images(torn) == images(whole)


def test_a_second_process_on_a_run_is_an_error_and_a_kill_releases_the_lock(begin):
    folder = begin("shared", 8)
    with subprocess.Popen(flat(folder, 1000), stdout=subprocess.DEVNULL) as first:
        while not (folder / ".lock").exists() or free(folder):
            time.sleep(0.05)
        second = subprocess.run(cli(folder), capture_output=True, text=True, check=False)
        assert first.poll() is None
        first.kill()
    assert second.returncode == 2
    assert second.stderr == f"{folder} is being rendered by another process; wait for it, or stop it\n"
    subprocess.run(flat(folder), check=True, capture_output=True)
    assert len(images(folder)) == 8


def free(folder: Path) -> bool:
    """True if no process holds the lock of a run."""
    try:
        with Run.open(folder).locked():
            return True
    except RunError:
        return False


@pytest.mark.slow
def test_twenty_kills_of_the_command_line_with_sdxl_change_no_byte(begin, checkpoint):
    whole, torn = begin("whole", 120, checkpoint), begin("torn", 120, checkpoint)
    subprocess.run(cli(whole), check=True, capture_output=True)
    chance, saved = random.Random(6), [0]
    for _ in range(20):
        kill(cli(torn), torn, chance.random())
        saved.append(len(Run.open(torn).saved))
    assert len(set(saved)) > 5
    subprocess.run(cli(torn), check=True, capture_output=True)
    assert images(torn) == images(whole)
