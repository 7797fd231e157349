"""A program that pretends to be an image is refused in one line at every door, and nothing runs it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import SceneError, load, loads
from animator.imaging.depth import read_depth_map
from animator.imaging.io import read_image
from animator.imaging.masks import read_alpha, read_mask
from animator.interop.importers import detect_and_read
from animator.interop.metadata import image_comment
from animator.runs.run import Run
from animator.training.photos import read_photos

PROGRAM = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 64 64
(victim.txt) deletefile
showpage
"""

SETTINGS = {
    "start": "start: {image: lamp.png}",
    "mask": "masks: {m: {file: lamp.png}}",
    "alpha": "masks: {m: {alpha: lamp.png}}",
    "mask video": "masks: {m: {video: lamp.png}}",
    "depth": "motion: {depth: lamp.png}",
    "depth folder": "motion: {depth: folder}",
    "view": "views: {0: lamp.png}",
    "footage": "footage: {file: lamp.png}",
    "reference": "grade: {color: lab, color_reference: lamp.png}",
    "control": "control: {c: {model: some/net, hint: canny, file: lamp.png}}",
    "control video": "control: {c: {model: some/net, hint: canny, video: lamp.png}}",
    "ip adapter": "ip_adapter: {a: {file: lamp.png}}",
}


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder with the program, and `gs` on the PATH that leaves a file where it is run."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("gs", "gswin32c", "gswin64c"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\necho 10.0\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    (tmp_path / "folder").mkdir()
    for file in ("lamp.png", "lamp.jpg", "lamp.eps", "folder/0.png"):
        (tmp_path / file).write_bytes(PROGRAM)
    yield tmp_path
    assert not (tmp_path / "ran").exists()


def test_the_program_in_the_path_is_the_one_that_pillow_would_run(tmp_path, monkeypatch):
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    (tmp_path / "gs").chmod(0o755)
    (tmp_path / "lamp.png").write_bytes(PROGRAM)
    code = f"from PIL import Image; Image.open({str(tmp_path / 'lamp.png')!r}).load()"
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("door", SETTINGS)
def test_a_schedule_with_a_program_as_an_image_is_refused(room, door):
    text = f"video: {{frames: 4, size: 64x64}}\n{SETTINGS[door]}\n"
    with pytest.raises(SceneError) as caught:
        loads(text, room)
    lines = [line for line in str(caught.value).splitlines() if "cannot be" in line]
    assert len(lines) == 1 and lines[0].startswith("<text>:2:")
    (room / "film.yaml").write_text(text)
    with pytest.raises(SceneError, match=r"film\.yaml:2:"):
        load(room / "film.yaml")


@pytest.mark.parametrize("read", [read_image, read_mask, read_alpha, read_depth_map])
def test_a_reader_refuses_a_program_by_name(room, read):
    with pytest.raises((ValueError, SceneError), match=r"lamp\.png is broken, or not an image") as caught:
        read(room / "lamp.png", 64, 64)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["lamp.png", "lamp.jpg"])
def test_training_refuses_a_program_among_photos_and_masks(room, name):
    photos = room / "photos"
    photos.mkdir()
    (photos / name).write_bytes(PROGRAM)
    with pytest.raises(SceneError, match="not an image"):
        read_photos(photos)
    (photos / name).unlink()
    Pillow.new("RGB", (96, 96)).save(photos / "a.png")
    (photos / "a.mask.png").write_bytes(PROGRAM)
    with pytest.raises(SceneError, match=r"a\.mask\.png is broken, or not an image"):
        read_photos(photos)


@pytest.mark.parametrize("name", ["lamp.png", "lamp.jpg", "lamp.eps"])
def test_an_import_refuses_a_program(room, name):
    with pytest.raises(SceneError) as caught:
        detect_and_read(room / name)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ValueError, match="not an image"):
        image_comment(room / name)


def test_an_import_refuses_a_program_behind_the_first_bytes_of_an_image(room):
    for magic in (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"\xff\xd8\xff"):
        (room / "lamp.png").write_bytes(magic + PROGRAM)
        with pytest.raises(SceneError, match="cannot be read as"):
            detect_and_read(room / "lamp.png")


def test_a_run_folder_of_a_stranger_cannot_hide_a_program(room):
    run = Run.__new__(Run)
    run.folder = room
    (room / "frames").mkdir()
    run.image_file(3).write_bytes(PROGRAM)
    for read in (run.image, run.texts):
        with pytest.raises(ValueError, match="not an image"):
            read(3)


@pytest.mark.parametrize("command", ["check", "preview", "still"])
def test_the_programs_say_it_in_one_line(room, command):
    (room / "film.yaml").write_text("video: {frames: 4, size: 64x64}\nstart: {image: lamp.png}\n")
    done = subprocess.run(
        [sys.executable, "-c", "from animator.cli import main; main()", command, "film.yaml"],
        cwd=room, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("film.yaml:2:16: start.image: cannot be read as an image: lamp.png is broken")


def test_the_smallest_image_passes_every_door(room):
    pixels = np.full((64, 64, 4), 200, np.uint8)
    pixels[:, :32, 3] = 0
    Pillow.fromarray(pixels).save(room / "lamp.png")
    Pillow.fromarray(pixels).save(room / "folder/0.png")
    for door in ("start", "mask", "alpha", "depth", "depth folder", "view", "reference"):
        loads(f"video: {{frames: 4, size: 64x64}}\n{SETTINGS[door]}\n", room)
