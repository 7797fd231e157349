"""Runs and trainings that an older release left half done can be resumed and branched, with the results it recorded."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow
from safetensors import safe_open

from animator.cli import main

FIXTURES = Path(__file__).parents[1] / "fixtures"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf8"))
INVERSION = ["--method", "textual-inversion", "--token", "ouebox", "--set", "data.held_out=1"]


@pytest.fixture(autouse=True)
def copied(tmp_path, monkeypatch):
    """Work in a copy of the fixtures, as names in the files are relative to their folder."""
    shutil.copytree(FIXTURES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def animator(*words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, (words, result.output)


def keys(folder):
    lines = [json.loads(line) for line in Path(folder, "journal.jsonl").read_text().splitlines()]
    return {str(line["frame"]): line["key"] for line in lines[1:]}


def expected(name):
    return EXPECTED[f"{name}: folder"]["frames"]


def check_keys(folder, name):
    """Fingerprints and the files of text are equal on any machine; pixels only with equal builds of torch."""
    assert keys(folder) == {index: frame["key"] for index, frame in expected(name).items()}
    files = EXPECTED[f"{name}: folder"]["files"]
    for file in ("settings.yaml", "frames.csv"):
        assert digest(Path(folder, file)) == files[file]
    assert Path(folder, "video.mp4").exists()


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def frames(folder):
    found = {}
    for file in sorted(Path(folder, "frames").iterdir()):
        with Pillow.open(file) as image:
            found[str(int(file.stem))] = hashlib.sha256(np.asarray(image).tobytes()).hexdigest()
    return found


def check_pixels(folder, name):
    assert frames(folder) == {index: frame["pixels"] for index, frame in expected(name).items()}


def test_an_old_run_resumes_from_its_saved_frames():
    saved = {file.name: file.read_bytes() for file in Path("run/stopped/frames").iterdir()}
    animator("resume", "run/stopped")
    check_keys("run/stopped", "resume")
    assert len(saved) == 5
    assert all(Path("run/stopped/frames", file).read_bytes() == bytes_ for file, bytes_ in saved.items())


def test_an_old_run_branches_and_keeps_the_frames_before_the_change():
    before = frames("run/stopped")
    animator("branch", "run/stopped", "-o", "run/new", "--set", "painting.strength=0.4 if t < 4 else 0.6")
    check_keys("run/new", "branch of the stopped run")
    old, new = keys("run/stopped"), keys("run/new")
    kept = [index for index in before if old[index] == new[index]]
    assert kept == ["0", "1", "2"]
    assert all(frames("run/new")[index] == before[index] for index in kept)


@pytest.mark.parametrize(
    ("folder", "file", "name", "options"),
    [
        ("training", "box", "training", []),
        ("training-inversion", "word", "inversion", INVERSION),
    ],
)
def test_an_old_training_resumes_at_its_step(folder, file, name, options):
    out = f"{folder}/{file}.safetensors"
    animator("train", f"{folder}/photos", "-o", out, "--config", f"{folder}/train.yaml", "--resume", *options)
    check_adapter(Path(out), name)


def check_adapter(file, name):
    """Compare the header and the losses, which differ by rounding only between builds of torch."""
    recorded = EXPECTED[f"{name}: adapter"]
    with safe_open(file, framework="np") as opened:
        header = opened.metadata()
        assert len(opened.keys()) == recorded["count"]
    assert set(header) == {*recorded["header"], "modelspec.date"}
    lines = (file.with_suffix(".training") / "metrics.jsonl").read_text().splitlines()
    for line, old in zip(map(json.loads, lines), recorded["metrics"], strict=True):
        assert {key: line[key] for key in old} == pytest.approx(old, rel=1e-3)


def tensors(file):
    sha = hashlib.sha256()
    with safe_open(file, framework="np") as opened:
        for key in sorted(opened.keys()):
            value = opened.get_tensor(key)
            kind = {"float16": "torch.float16", "float32": "torch.float32"}[str(value.dtype)]
            sha.update(f"{key} {kind} {value.shape}".encode() + value.tobytes())
    return sha.hexdigest()


@pytest.mark.slow
def test_old_runs_and_trainings_end_with_the_recorded_bytes():
    """Needs the build of torch named in constraints.txt: other builds round otherwise."""
    later = ["--set", "painting.strength=0.4 if t < 12 else 0.6"]
    animator("branch", "run/stopped", "-o", "run/first", "--set", "painting.strength=0.4 if t < 4 else 0.6")
    animator("resume", "run/stopped")
    animator("branch", "run/stopped", "-o", "run/later", *later)
    animator("branch", "run/stopped", "-o", "run/from", "--from", "7", "--set", "painting.seed=8")
    check_pixels("run/first", "branch of the stopped run")
    check_pixels("run/stopped", "resume")
    check_pixels("run/later", "branch")
    check_pixels("run/from", "branch --from")
    shutil.copytree("training", "kohya")
    for folder, file, name, options in [
        ("training", "box", "training", []),
        ("kohya", "box", "training kohya", ["--format", "kohya"]),
        ("training-inversion", "word", "inversion", INVERSION),
    ]:
        out = Path(folder, f"{file}.safetensors")
        animator(
            "train",
            f"{folder}/photos",
            "-o",
            str(out),
            "--config",
            f"{folder}/train.yaml",
            "--resume",
            *options,
        )
        assert tensors(out) == EXPECTED[f"{name}: adapter"]["tensors"]
