"""Events for programs: one JSON object per line, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from animator.cli import main
from animator.runs import events, render

DOCS = Path(__file__).parents[2] / "docs"
FILM = """\
video: {size: 64x48, frames: 5, fps: 12}
prompts: {at: a mug}
painting: {steps: 2, strength: 0.5, guidance_scale: 1}
cadence: 2
"""


@pytest.fixture
def run(tmp_path, monkeypatch, checkpoint):
    """Return a function that runs a command next to a film: exit status, events, standard error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.yaml").write_text(f"model: {{base: {checkpoint}}}\n{FILM}")

    def command(*args):
        result = CliRunner().invoke(main, [*args, "--json"])
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    return command


def names(events):
    return [event["event"] for event in events if event["event"] != "warning"]


def test_a_render_reports_everything_that_an_interface_needs(run, tmp_path):
    code, reports, err = run("render", "film.yaml", "-o", "out")
    assert (code, err) == (0, "")
    assert names(reports) == ["started", "loading", "loaded", *["frame"] * 5, "encoded", "finished"]
    start, done = reports[0], [event for event in reports if event["event"] == "frame"]
    assert {name: start[name] for name in ("folder", "first", "stop", "kept", "paintings", "size", "fps")} == {
        "folder": str(tmp_path / "out"), "first": 0, "stop": 5, "kept": 0, "paintings": 3,
        "size": [64, 48], "fps": 12,
    }  # fmt: skip
    assert sorted(event["index"] for event in done) == [0, 1, 2, 3, 4]
    assert [event["done"] for event in done] == [1, 2, 3, 4, 5]
    for event in done:
        with Pillow.open(event["path"]) as image:
            assert image.size == (64, 48)
        assert event["painted"] == (event["index"] % 2 == 0) == ("drift" in event)
    assert done[-1]["eta"] == 0 < max(event.get("eta", 0) for event in done)
    assert all(one["elapsed"] <= other["elapsed"] for one, other in pairwise(reports))
    assert reports[-2]["bytes"] == Path(reports[-1]["video"]).stat().st_size
    assert "nano was trained" not in str(reports)


def test_a_resumed_run_reports_kept_frames_and_a_complete_one_loads_no_model(run, tmp_path):
    run("render", "film.yaml", "-o", "out")
    for name in ("frames/000000004.png", "video.mp4"):
        (tmp_path / "out" / name).unlink()
    _, reports, _ = run("resume", "out")
    reports = [event for event in reports if event["event"] != "warning"]
    assert names(reports) == ["started", "loading", "loaded", "frame", "encoded", "finished"]
    assert (reports[0]["kept"], reports[0]["paintings"], reports[3]["done"], reports[3]["total"]) == (
        4,
        1,
        5,
        5,
    )
    assert names(run("resume", "out")[1]) == ["started", "finished"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["render", "film.yaml", "--set", "motion.zom=1"], 2, "motion.zom: no such setting"),
        (["render", "film.yaml", "--set", "model.base=gone"], 3, "model.base 'gone': no such folder or file"),
        (["resume", "gone"], 2, "gone holds no run"),
        (["branch", "gone"], 2, "gone holds no run"),
    ],
)
def test_an_error_is_the_last_event_with_the_status_of_the_process(run, args, code, words):
    found, reports, err = run(*args)
    assert found == reports[-1]["exit_code"] == code
    assert reports[-1]["event"] == "error"
    assert reports[-1]["message"] + "\n" == err
    assert words in err
    if "motion" in words:
        assert reports[-1]["problems"][0]["setting"] == "motion.zom"


def test_a_note_on_the_schedule_is_a_warning_event_and_is_logged(run, tmp_path):
    _, reports, _ = run("render", "film.yaml", "-o", "out", "--set", "motion.zoom={0: 1, 90: 1.1}")
    warned = [event["message"] for event in reports if event["event"] == "warning"]
    assert any("key 90 is frame 90" in message for message in warned)
    log = (tmp_path / "out" / "run.log").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in log)
    assert sum("frame " in line and "painted" in line for line in log) >= 3
    assert any("warning: " in line and "key 90" in line for line in log)
    run("resume", "out")
    again = (tmp_path / "out" / "run.log").read_text().splitlines()
    assert again[: len(log)] == log
    assert "finished: 0 painted" in again[-1]


def test_a_film_stopped_in_python_has_reported_every_saved_frame(tmp_path, checkpoint):
    from animator import load

    (tmp_path / "film.yaml").write_text(f"model: {{base: {checkpoint}}}\n{FILM}")
    scene, reports = load(tmp_path / "film.yaml"), []
    run = render.start_run(scene, tmp_path / "film.yaml", tmp_path / "out")
    film = render.render_run(run, scene, tell=reports.append)
    next(film)
    film.close()
    assert {event.index for event in reports if isinstance(event, events.FrameDone)} == set(run.saved) >= {0}


def test_every_event_and_field_is_documented():
    page = (DOCS / "rendering.md").read_text(encoding="utf8")
    for kind in events.Event.__subclasses__():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kind.name}` |"))
        assert all(f"`{field.name}`" in row for field in dataclasses.fields(kind)), kind
    assert all(f"`{name}`" in page for name in ("event", "time", "elapsed", "done", "total", "eta"))
