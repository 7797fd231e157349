"""The command encode, and the files that render and resume make, as a user runs them."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from animator.cli import main
from animator.runs.run import Run
from tests.imaging.test_codecs import decode
from tests.runs.test_deliverables import paint


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Return a function that runs a command next to a finished run: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    paint(tmp_path)

    def run(*args):
        result = CliRunner().invoke(main, list(args))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def test_encode_makes_the_named_files_and_describes_them(command, tmp_path):
    journal = (tmp_path / "run/journal.jsonl").read_bytes()
    code, out, err = command(
        "encode", "run", "--also", "gif", "--also", "prores", "--also", "poster", "--poster", "25%"
    )
    assert (code, out) == (0, "run/video.gif\nrun/video.mov\nrun/poster.png\n")
    lines = err.splitlines()
    assert lines[0].startswith("video.gif: 12 frames of 96x64 at 12 fps, ")
    assert lines[2] == "poster.png: frame 3"
    assert (tmp_path / "run/journal.jsonl").read_bytes() == journal


def test_encode_makes_the_film_itself_again_in_another_codec_and_shape(command, tmp_path):
    before = (tmp_path / "run/video.mp4").read_bytes()
    assert command("encode", "run", "--also", "mp4", "--codec", "h265", "--quality", "draft")[0] == 0
    assert (tmp_path / "run/video.mp4").read_bytes() != before
    assert command("encode", "run", "--also", "sheet@1x1", "--set", "output.frame={1x1: {x: 0}}")[:2] == (
        0,
        "run/sheet-1x1.jpg\n",
    )
    assert len(decode(tmp_path / "run/video.mp4", 96, 64)) == 12


def test_every_command_of_the_documentation_makes_its_file(command):
    page = Path(__file__).parents[2] / "docs/deliverables.md"
    lines = [
        line
        for line in page.read_text(encoding="utf8").splitlines()
        if line.startswith("animator encode FOLDER")
    ]
    assert len(lines) >= 7
    for line in lines:
        args = shlex.split(line.replace("FOLDER", "run"), comments=True)[1:]
        args = [arg.replace("2s", "0.5s") for arg in args]  # the film of these tests is a second long
        code, out, err = command(*args)
        assert code == 0, err
        assert len(out.splitlines()) == args.count("--also")


def test_a_size_limit_is_kept_and_the_reduction_is_printed(command, tmp_path):
    assert command("encode", "run", "--also", "gif")[0] == 0
    whole = (tmp_path / "run/video.gif").stat().st_size
    code, _, err = command("encode", "run", "--also", "gif", "--max-size", f"{whole - 400}B")
    assert code == 0
    assert (tmp_path / "run/video.gif").stat().st_size <= whole - 400
    assert "; the film has 96x64 at 12 fps)" in err and "(at most " in err


def test_encode_without_names_makes_the_missing_files(command, tmp_path):
    assert command("encode", "run") == (0, "", "nothing to make: every file that the film asks for exists\n")
    options = ("--set", "output.also=[sheet, srt]")
    assert command("encode", "run", *options)[1] == "run/sheet.jpg\nrun/video.srt\n"
    (tmp_path / "run/video.srt").unlink()
    assert command("encode", "run", *options)[1] == "run/video.srt\n"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--also", "giff"], 2, "'giff' is not a kind of output; did you mean 'gif'?"),
        (["--also", "gif", "--max-size", "big"], 2, "output.max_size: 'big' is not the size of a file"),
        (["--also", "gif", "--set", "motion.zoom=2"], 2, "frames are painted already; only output. and audio.… can change"),
        (["--also", "gif@3x4"], 2, "no shape '3x4' in output.frame"),
        (["--also", "webm-alpha", "--mask", "cup"], 2, "output.mask: unknown mask 'cup'"),
        (["--also", "gif", "--max-size", "300B"], 3, "video.gif: 12 frames of "),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_made_is_an_error_of_one_line(command, args, code, words):
    found, out, err = command("encode", "run", *args)
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_resume_of_a_complete_film_makes_its_missing_files(command, tmp_path):
    paint_again = tmp_path / "again"
    paint_again.mkdir()
    run, _ = paint(paint_again, "output: {also: [gif, poster]}\n")
    code, out, _ = command("resume", str(run.folder))
    assert (code, out.split()) == (
        0,
        [f"{run.folder}/{name}" for name in ("video.mp4", "video.gif", "poster.png")],
    )


def test_render_makes_the_files_after_the_last_frame(command, tmp_path, checkpoint):
    text = "video: {size: 64x48, frames: 2, fps: 12}\npainting: {steps: 1}\noutput: {also: [webp, sheet]}\n"
    (tmp_path / "small.yaml").write_text(f"model: {{base: {checkpoint}}}\n{text}")
    code, out, err = command("render", "small.yaml", "-o", "out")
    assert (code, out) == (0, "out/video.mp4\nout/video.webp\nout/sheet.jpg\n")
    assert "sheet.jpg: 2 of 2 frames" in err
    run = Run.open(tmp_path / "out")
    with Pillow.open(tmp_path / "out/video.webp") as image:
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - run.image(0)).mean() < 20  # noise
