"""The command line, as a user runs it."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest
from PIL import Image as Pillow

from animator.cli import main
from tests.runs.test_video import decode, probe

TEXT = """\
video: {size: 64x48, frames: 6, fps: 12}
prompts: {at: {0: a mug, 3: a chair}, negative: blurry}
motion: {zoom: 1.02}
painting: {steps: 3, strength: 0.5, guidance_scale: 2, seed: 7}
cadence: 2
"""


@pytest.fixture
def file(tmp_path, checkpoint):
    (tmp_path / "film.yaml").write_text(f"model: {{base: {checkpoint}}}\n{TEXT}")
    return tmp_path / "film.yaml"


def unknown(file):
    """Return the line printed instead of a time estimate before the machine was measured."""
    return f"no time estimate yet; measure this machine once with: animator bench {file}\n"


def test_render_creates_a_run_with_all_its_files(run, file, tmp_path):
    assert run("render", file, "-o", "out") == (0, "out/video.mp4\n", "")
    out = tmp_path / "out"
    names = sorted(path.name for path in out.iterdir())
    assert names == [
        *(".lock", "frames", "frames.csv", "journal.jsonl", "resolved.yaml", "run.log"),
        *("settings.yaml", "video.mp4"),
    ]
    assert [path.name for path in sorted((out / "frames").iterdir())] == [f"{i:09d}.png" for i in range(6)]
    assert (out / "settings.yaml").read_bytes() == file.read_bytes()
    assert len((out / "frames.csv").read_text().splitlines()) == 7
    assert len(decode(out / "video.mp4", 64, 48)) == 6
    assert "12 fps" in probe(out / "video.mp4")
    with Pillow.open(out / "frames" / "000000004.png") as image:
        assert image.text["parameters"].startswith(
            "a chair\nNegative prompt: blurry\nSteps: 3, Sampler: Euler, "
        )
        assert json.loads(image.text["animator"])["motion"]["zoom"] == 1.02
        assert np.asarray(image).std() > 10


def test_the_recipe_in_the_video_and_the_resolved_file_render_the_same_frames(run, file, tmp_path):
    run("render", file, "-o", "a", "--set", "motion.angle=2")
    assert run("render", tmp_path / "a" / "resolved.yaml", "-o", "b")[0] == 0
    for i in range(6):
        name = f"frames/{i:09d}.png"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "cadence: 2" in probe(tmp_path / "a" / "video.mp4")


def test_demo_reveals_a_concept_and_makes_a_gif_and_a_sheet(run, tmp_path):
    quick = ("length=2s", "video.fps=8", "video.size=192x192", "product.keys=1", "painting.steps=6")
    code, out, _ = run("demo", "-o", "out", *(part for option in quick for part in ("--set", option)))
    assert (code, out) == (0, "out/video.mp4\nout/video.gif\nout/sheet.jpg\n")
    film = decode(tmp_path / "out" / "video.mp4", 192, 192).astype(int)
    assert len(film) == 16
    saturation = [float((image.max(-1) - image.min(-1)).mean()) for image in film[[0, -1]]]
    assert 1.5 * saturation[0] < saturation[1]  # from a tinted pencil sketch to a photograph
    assert film[-1].mean() < film[0].mean() - 60  # at night


def test_a_second_render_into_the_same_folder_says_how_to_go_on(run, file):
    run("render", file, "-o", "out")
    code, out, err = run("render", file, "-o", "out")
    assert (code, out) == (2, "")
    assert err == "out already holds a run; continue it with: animator resume out\n"


def test_seed_and_set_change_the_film_and_frames_cut_it(run, file, tmp_path):
    run("render", file, "-o", "a", "--frames", "2:5", "--seed", "99", "--set", "cadence=1")
    names = [path.name for path in sorted((tmp_path / "a" / "frames").iterdir())]
    assert names == ["000000002.png", "000000003.png", "000000004.png"]
    assert "start: 99" in (tmp_path / "a" / "resolved.yaml").read_text()
    assert len(decode(tmp_path / "a" / "video.mp4", 64, 48)) == 3


def test_resume_paints_missing_frames_with_equal_bytes(run, file, tmp_path):
    run("render", file, "-o", "whole")
    run("render", file, "-o", "part")
    part = tmp_path / "part"
    for name in ("frames/000000003.png", "frames/000000004.png", "video.mp4"):
        (part / name).unlink()
    assert run("resume", "part") == (0, "part/video.mp4\n", "")
    for path in sorted((tmp_path / "whole" / "frames").iterdir()):
        assert path.read_bytes() == (part / "frames" / path.name).read_bytes()
    assert (part / "video.mp4").read_bytes() == (tmp_path / "whole" / "video.mp4").read_bytes()


def test_resume_of_a_complete_run_makes_the_video_without_the_model(run, file, tmp_path, checkpoint):
    shutil.copytree(checkpoint, tmp_path / "model")
    run("render", file, "-o", "out", "--set", f"model.base={tmp_path / 'model'}")
    (tmp_path / "out" / "video.mp4").unlink()
    shutil.rmtree(tmp_path / "model")
    assert run("resume", "out")[0] == 0
    assert len(decode(tmp_path / "out" / "video.mp4", 64, 48)) == 6


def test_preview_shows_the_motion_of_the_start_image_without_a_model(run, tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "start.png")
    (tmp_path / "film.yaml").write_text(
        "video: {size: 96x80, frames: 4}\nstart: {image: start.png}\nmotion: {translation_x: 5}\n"
        "model: {base: someone/nothing}\n"
    )
    code, out, err = run("preview", "film.yaml", "--full", "--no-overlay")
    assert (code, out) == (0, "renders/film/preview.mp4\n")
    assert err == "no time estimate yet; measure this machine once with: animator bench film.yaml\n"
    found = decode(tmp_path / "renders/film/preview.mp4", 96, 80)
    assert len(found) == 4
    for i in range(4):
        goal = np.concatenate([np.repeat(textured[:, :1], 5 * i, 1), textured[:, : 96 - 5 * i]], 1)
        assert np.abs(found[i].astype(int) - goal).mean() < 12


def test_preview_writes_settings_over_the_frames_and_can_be_a_page(run, file, tmp_path):
    assert run("preview", file, "--size", "128", "-o", "a.mp4")[0] == 0
    plain = run("preview", file, "--size", "128", "--no-overlay", "-o", "b.mp4")
    assert plain[:2] == (0, "b.mp4\n")
    drawn, bare = (decode(tmp_path / name, 128, 96).astype(int) for name in ("a.mp4", "b.mp4"))
    assert len(drawn) == len(bare) == 6
    assert np.abs(drawn[:, :12] - bare[:, :12]).mean() > 20 < np.abs(drawn[:, -8:] - bare[:, -8:]).mean()
    assert run("preview", file, "--size", "128", "-o", "deep/page.html")[:2] == (0, "deep/page.html\n")
    page = (tmp_path / "deep/page.html").read_text(encoding="utf8")
    assert page.startswith("<!doctype html>") and "data:video/mp4;base64," in page


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the browser's process is not waited for
def test_open_shows_the_page_in_the_browser(run, file, tmp_path, monkeypatch):
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {tmp_path}/opened\n")
    browser.chmod(0o755)
    for name in ("xdg-open", "open"):  # the programs that click starts on Linux and macOS
        (tmp_path / name).symlink_to(browser)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert run("preview", file, "--size", "64", "--open")[:2] == (0, "renders/film/preview.html\n")
    for _ in range(100):
        if (tmp_path / "opened").exists() and (tmp_path / "opened").read_text():
            break
        time.sleep(0.05)
    assert (tmp_path / "opened").read_text().strip().endswith("renders/film/preview.html")


def test_check_reports_a_good_file(run, file):
    good = f"{file}: good: 6 frames, 4 painted, 0.5 s at 256x256\n{unknown(file)}"
    assert run("check", file, "--set", "video.size=1:1") == (0, good, "")


def test_check_notes_settings_that_may_be_unintended(run, tmp_path):
    (tmp_path / "film.yaml").write_text(
        "video: {size: 2002x2000, frames: 20}\nmodel: {base: org/sdxl}\n"
        "motion: {zoom: {0: 1, 90: 1.1}, angle: '0:(1), 50:(2), max_f-1:(3)'}\n"
    )
    code, out, err = run("check", "film.yaml")
    good = "film.yaml: good: 20 frames, 20 painted, 0.833333 s at 2002x2000\n"
    assert (code, out) == (0, good + unknown("film.yaml"))
    assert err.splitlines() == [
        "note: film.yaml:1:15: video.size: 2002x2000 is painted as 2008x2000 and cropped",
        "note: film.yaml:3:27: motion.zoom.90: key 90 is frame 90, outside the film's 0..19: it is never reached",
        "note: film.yaml:3:40: motion.angle.50: key 50 is frame 50, outside the film's 0..19: it is never reached",
    ]
    assert [note["kind"] for note in json.loads(run("check", "film.yaml", "--json")[1])] == ["note"] * 3


def test_check_reports_every_problem_and_exits_2(run, tmp_path):
    (tmp_path / "bad.yaml").write_text("motion:\n  zoom: sine(t)\n  angle: 1/t\n")
    code, out, err = run("check", "bad.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "bad.yaml:2:9: motion.zoom: unknown function 'sine'; did you mean 'sin'? (in 'sine(t)')",
        "bad.yaml:3:10: motion.angle: inf at frame 0 (of 1 such frames); every value must be finite",
    ]


def test_check_json_is_a_list_of_problems_for_programs(run, file, tmp_path):
    assert run("check", file, "--json", "--set", "video.size=1024x1024") == (0, "[]\n", "")
    (tmp_path / "bad.yaml").write_text("motion:\n  zoom: sine(t)\n")
    code, out, err = run("check", "bad.yaml", "--json")
    assert (code, err) == (2, "")
    assert json.loads(out) == [
        {
            "kind": "error", "file": "bad.yaml", "line": 2, "column": 9, "setting": "motion.zoom",
            "message": "unknown function 'sine'; did you mean 'sin'? (in 'sine(t)')",
        }
    ]  # fmt: skip


def test_explain_csv_is_the_table_of_a_run(run, file, tmp_path):
    run("render", file, "-o", "out")
    assert run("explain", file, "--csv")[1] == (tmp_path / "out" / "frames.csv").read_text()


def test_explain_prints_constants_once_and_changing_columns_per_frame(run, file):
    code, out, _ = run("explain", file)
    assert code == 0
    head, table = out.split("\n\n")
    assert "motion.zoom: 1.02" in head.splitlines()
    lines = table.splitlines()
    assert lines[0].split() == [
        "index",
        "seed",
        "diffuse",
        "tween",
        "steps_run",
        "strength_run",
        "prompt.text",
        "prompt.next",
    ]
    assert [line.split()[0] for line in lines[1:]] == list("012345")
    assert [line.split()[4] for line in lines[1:]] == ["3", "0", "2", "0", "2", "2"]
    assert [line.split()[6:8] for line in lines[1:]] == [["a", "mug"], [], [], ["a", "chair"], [], []]


def test_explain_english_describes_a_shake_once_and_the_motion_without_it(run, tmp_path):
    (tmp_path / "film.yaml").write_text(
        "video: {duration: 4s}\nmotion: {shake: walk, moves: {0: push-in, 2s: handheld}}\nprompts: {at: a mug}\n"
    )
    lines = run("explain", tmp_path / "film.yaml", "--english")[1].splitlines()
    assert lines[0].startswith(
        "The camera shakes like a camera carried along; from 2s on it shakes like a camera in the hand"
    )
    assert len(lines) == 3
    assert "pushes in to 1.20 times" in lines[1] and "stands still" in lines[2]


def test_explain_json_is_one_object_per_frame_and_line(run, file):
    _, out, _ = run("explain", file, "--json")
    rows = json.loads(out)
    assert len(rows) == 6
    assert set(rows[0]) >= {"index", "seed", "prompt", "motion", "painting", "loras", "grade", "steps_run"}
    assert json.loads(out.splitlines()[1].rstrip(",")) == rows[0]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["render", "gone.yaml"], 2, "gone.yaml: No such file or directory\n"),
        (["resume", "gone"], 2, "gone holds no run: it has no journal.jsonl\n"),
        (["branch", "gone"], 2, "gone holds no run: it has no journal.jsonl\n"),
        (["render", "film.yaml", "--set", "model.base=gone"], 3, "model.base 'gone': no such folder or file; allowed: nano"),
        (["render", "film.yaml", "--frames", "4:99"], 2, "--frames 4:99: the film's frames are 0:6\n"),
        (["render", "film.yaml", "--frames", "x"], 2, "write the first frame and the one after the last"),
        (["render", "film.yaml", "--device", "tpu"], 2, "model.device: 'tpu' is not known; allowed: 'auto', 'cuda'"),
        (["render", "film.yaml", "--set", "motion.zom=1"], 2, "motion.zom: no such setting; did you mean 'zoom'?"),
        (["rendr"], 2, "No such command 'rendr'"),
    ],
)  # fmt: skip
def test_user_errors_are_printed_without_a_traceback(run, file, args, code, words):
    found, _, err = run(*args)
    assert found == code
    assert words in err
    assert "Traceback" not in err


def test_every_command_has_help(run):
    for name in main.list_commands(None):
        assert main.get_command(None, name).help, name
        assert run(name, "--help")[0] == 0


def test_render_prints_the_colour_drift_of_a_film_with_matched_colours(run, file):
    status, output, message = run("render", file, "-o", "out", "--set", "grade.color=lab")
    assert (status, output) == (0, "out/video.mp4\n")
    assert message.startswith("colours: ΔE to the reference ")
