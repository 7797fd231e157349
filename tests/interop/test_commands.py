"""The commands `animator import` and `animator export`, as a user runs them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest

from tests.interop import samples


def test_import_prints_the_schedule_file_and_notes_what_it_lacks(run, tmp_path):
    (tmp_path / "old.txt").write_text(samples.film(tiling=True, zoom="0:(1.02)"))
    status, out, err = run("import", "old.txt")
    assert status == 0
    assert out.startswith("# old.txt: Deforum settings, 2D\n") and "motion: {zoom: 1.02}" in out
    assert err == "note: old.txt:12:3: tiling: true: has no counterpart here\n"


def test_import_writes_a_file_that_check_and_export_take(run, tmp_path):
    (tmp_path / "old.txt").write_text(samples.film(zoom="0:(1.02), 30:(1+t/1000)"))
    assert run("import", "old.txt", "-o", "film.yaml") == (0, "film.yaml\n", "")
    assert run("check", "film.yaml")[0] == 0
    status, out, _ = run("export", "film.yaml", "--to", "deforum", "--set", "painting.strength=0.25")
    assert status == 0
    assert json.loads(out)["zoom"] == "0: (1.02), 30: (1+t/1000)"
    assert json.loads(out)["strength_schedule"] == "0: (0.75)"
    assert run("export", "film.yaml", "--to", "csv", "-o", "frames.csv") == (0, "frames.csv\n", "")
    rows = list(csv.DictReader((tmp_path / "frames.csv").read_text().splitlines()))
    assert len(rows) == 60 and float(rows[40]["motion.zoom"]) == 1.04


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", '{"a": 1,}', "a.txt:1:9: not JSON"),
        ("a.yaml", "motion: {}", "a.yaml: a YAML file is already a schedule file"),
        (
            "a.txt",
            '{"a": 1}',
            "a.txt: unknown kind of file; known: a film made by animator, an image with infotext",
        ),
        ("none.txt", None, "none.txt: No such file"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line_and_status_2(run, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    status, out, err = run("import", name)
    assert (status, out) == (2, "") and err.startswith(words) and err.count("\n") == 1


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_a_pipe_and_a_folder_are_refused_without_waiting(run, tmp_path, make):
    make(tmp_path / "old.txt")
    assert run("import", "old.txt") == (2, "", "old.txt: not a file\n")


def test_a_missing_output_folder_is_reported(run, tmp_path):
    (tmp_path / "old.txt").write_text(samples.film())
    status, _, err = run("import", "old.txt", "-o", "no/film.yaml")
    assert status == 2 and "no/film.yaml cannot be written" in err


def test_importing_and_exporting_load_no_heavy_library(tmp_path):
    (tmp_path / "old.txt").write_text(samples.film())
    code = """
import sys
from animator.cli import main
for words in (["import", "old.txt", "-o", "film.yaml"], ["export", "film.yaml", "--to", "deforum"], ["export", "film.yaml", "--to", "csv"]):
    main(words)
assert not {"torch", "diffusers", "transformers", "cv2"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=tmp_path)
