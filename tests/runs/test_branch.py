"""A branch keeps every frame that does not change, and equals a render from the beginning."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Pillow

from animator import RunError, State, load, timeline
from animator.cli import main
from animator.render import pipeline, views
from animator.render.painter import FlatPainter
from animator.runs.branch import branch_run
from animator.runs.render import render_run, reopen_run, start_run
from animator.runs.repaint import FrameFingerprints
from animator.runs.run import Run
from tests import films

FILM = """\
video: {size: 96x80, frames: 16, fps: 8}
start: {image: start.png}
motion: {zoom: 1.01, angle: 0.5}
painting: {strength: 0.4}
grade: {color: lab, noise: 0.05}
cadence: 4
"""
SLOW = pytest.mark.slow
EARLY = "0.4 if t < 9 else 0.7"  # frame 12 is the first painted frame that changes


class Counting(FlatPainter):
    """A Flat painter that records the frames it has painted."""

    def __init__(self, scene):
        image = views.read_start_image(scene)
        super().__init__(np.full((80, 96, 3), 90, np.uint8) if image is None else image)
        self.painted = []

    def paint(self, frame, start, **more):
        self.painted.append(frame.index)
        return super().paint(frame, start, **more)


@pytest.fixture
def files(tmp_path, textured):
    for name, image in (("start", textured), ("side", textured[::-1]), ("other", textured[:, ::-1])):
        Pillow.fromarray(np.ascontiguousarray(image)).save(tmp_path / f"{name}.png")
    films.write(tmp_path / "street.mp4", films.greys(24, 96, 80), 8.0)
    return tmp_path


def render(folder, text, name="run"):
    """Render the film in `text` with Flat; return the run."""
    (folder / "film.yaml").write_text(text)
    scene = load(folder / "film.yaml")
    run = start_run(scene, folder / "film.yaml", folder / name)
    for _ in render_run(run, scene, Counting):
        pass
    return run


def branch(run, *settings, file=None, at=None):
    """Branch `run` and render it; return the painted frames, the new run and the summary."""
    new, scene, words = branch_run(run.folder, file, settings, at)
    kept, painter = set(new.saved), Counting(scene)
    for _ in render_run(new, scene, lambda _: painter):
        pass
    assert not kept & set(painter.painted)
    for index in kept:
        assert new.image_file(index).read_bytes() == run.image_file(index).read_bytes()
    assert sorted(Run.open(new.folder).saved) == list(range(run.first, new.stop))
    return painter.painted, new, words


def fresh(run):
    """Render the film of `run` from the beginning; return its images."""
    scene = load(run.folder / "resolved.yaml")
    return [state.shown for _, state in pipeline.animate(scene, paint=Counting(scene))]


@pytest.mark.parametrize(
    ("more", "settings", "painted"),
    [
        ("", [f"painting.strength={EARLY}"], [12, 15]),
        ("", ["prompts.at={0: '', 13: a mug}"], [15]),
        ("", ["tween=flow"], []),
        ("", ["output.crf=30", "model.device=cpu", "events.reveal=3", "masks.new.luminance=[0, 0.5]"], []),
        pytest.param("", ["start.image=other.png"], [0, 4, 8, 12, 15], marks=SLOW),
        pytest.param("", ["motion.angle={0: 0.5, 10: 0.5, 11: 2}"], [12, 15], marks=SLOW),
        pytest.param("", ["cadence=2"], [2, 4, 6, 8, 10, 12, 14, 15], marks=SLOW),
        ("cuts: [5, 10]\n", ["painting.strength=0.7 if 7 < t < 10 else 0.4"], [9]),
        pytest.param("cuts: [5, 10]\n", ["start.image=other.png"], [0, 4, 5, 9, 10, 14, 15], marks=SLOW),
        ("cuts: [5, 10]\nviews: {5: side.png}\n", ["start.image=other.png"], [0, 4, 10, 14, 15]),
        ("views: {12: side.png}\nviews_lead: 6\n", ["views={12: other.png}"], [8, 12, 15]),
        (
            "masks: {low: {polygon: [[0, 0.5], [1, 0.5], [1, 1]]}}\nlock: {mask: {0: '', 9: low}}\n",
            ["masks.low.polygon=[[0, 0.4], [1, 0.5], [1, 1]]"],
            [12, 15],
        ),
        ("footage: {file: street.mp4, alpha: '0.5 if t > 8 else 0'}\n", ["footage.start=0.5"], [12, 15]),
        pytest.param("footage: {file: street.mp4, motion: affine, alpha: 0}\n", [f"painting.strength={EARLY}"], [12, 15], marks=SLOW),
        pytest.param("events: {}\n", ["motion.depth=proxy"], [0, 4, 8, 12, 15], marks=SLOW),
        ("events: {}\n", ["motion.orbit_y={0: 0, 12: 0, 15: 1}"], [0, 4, 8, 12, 15]),
    ],
)  # fmt: skip
def test_only_changed_frames_are_painted_and_the_film_equals_a_fresh_render(
    files, monkeypatch, more, settings, painted
):
    monkeypatch.chdir(files)
    run = render(files, FILM + more)
    found, new, _ = branch(run, *settings)
    assert found == painted
    for index, image in enumerate(fresh(new)):
        assert np.array_equal(new.image(index), image), index
    scene = load(new.folder / "resolved.yaml")
    assert {i: new.fingerprint(i) for i in range(16)} == FrameFingerprints(scene, timeline(scene)).keys


def test_a_closed_loop_is_painted_up_to_its_first_kept_frame(files):
    run = render(
        files, FILM.replace("fps: 8", "fps: 8, loop: closed").replace("angle: 0.5", "").replace("1.01", "1")
    )
    found, new, _ = branch(run, "painting.strength=0.4 if t < 9 else 0.7")
    assert found == [12]
    assert all(np.array_equal(new.image(index), image) for index, image in enumerate(fresh(new)))


def test_a_run_can_branch_to_another_schedule_file(files):
    run = render(files, FILM)
    (files / "film.yaml").write_text(FILM.replace("strength: 0.4", f"strength: {EARLY}"))
    found, new, words = branch(run, file=files / "film.yaml")
    assert found == [12, 15]
    assert (
        words == "9 of 16 frames are kept, 2 are painted, 5 are in-betweens; the first change is in frame 9"
    )
    assert (new.folder / "settings.yaml").read_text() == (files / "film.yaml").read_text()


def test_a_branch_that_paints_one_frame_says_so_in_the_singular(files):
    run = render(files, FILM)
    assert branch_run(run.folder, None, ["painting.strength=0.4 if t < 15 else 0.7"])[2] == (
        "13 of 16 frames are kept, 1 is painted, 2 are in-betweens; the first change is in frame 13"
    )
    assert branch_run(run.folder, None, ["painting.strength=0.9"], "14")[2].endswith(
        "frame 13 is rendered again: it lies between two painted frames of which one changes"
    )


def test_every_frame_before_from_is_kept_whatever_the_settings_are(files):
    run = render(files, FILM)
    found, new, words = branch(run, "painting.strength=0.9", at="8")
    assert found == [8, 12, 15]
    assert (
        words
        == "5 of 16 frames are kept, 3 are painted, 8 are in-betweens; the first change is in frame 5\n"
        + ("frames 5..7 are rendered again: they lie between two painted frames of which one changes")
    )
    found, new, _ = branch(run, "painting.strength=0.9", at="9")
    assert found == [12, 15]
    start, end = new.image(8), new.image(12)  # in-betweens fade from one to the other
    steps = [
        np.abs(a.astype(float) - b).mean()
        for a, b in ((new.image(i), new.image(i + 1)) for i in range(8, 12))
    ]
    assert max(steps) < 2 * np.mean(steps) and not np.array_equal(start, end)
    # Later frames depend on the kept frames.
    scene, last, first = load(new.folder / "resolved.yaml"), new.image(8), new.image(0)
    state = State(last, last, None, first, 8, None, first)
    for frame, after in pipeline.animate(scene, timeline(scene)[9:], Counting(scene), state):
        assert np.array_equal(after.shown, new.image(frame.index))


def test_a_branch_of_a_branch_keeps_the_frames_taken_over_by_the_first(files):
    run = render(files, FILM)
    _, first, _ = branch(run, "painting.strength=0.9", at="9")
    found, second, _ = branch(first, "painting.strength=0.9 if t < 13 else 0.2")
    assert found == [15]
    assert [run.folder.name for run in (first, second)] == ["run-b1", "run-b2"]
    first.image_file(3).unlink()
    with pytest.raises(
        RunError, match="000000003.png was taken over from another run and is missing; branch again"
    ):
        list(render_run(*reopen_run(first.folder), Counting))


def test_with_another_cadence_frames_are_kept_up_to_the_last_common_painted_frame(files):
    run = render(files, FILM)
    found, new, _ = branch(run, "cadence=3", at="11")
    assert found[0] == 3 and new.taken_over.stop == 1  # both films paint frames 0 and 12
    found, new, _ = branch(run, "cadence=2", at="11")
    assert found == [10, 12, 14, 15] and new.taken_over.stop == 9


def test_a_part_of_a_film_and_a_run_that_was_stopped_can_be_branched(files):
    (files / "film.yaml").write_text(FILM)
    scene = load(files / "film.yaml")
    run = start_run(scene, files / "film.yaml", files / "part", (4, 14))
    film = render_run(run, scene, Counting)
    for _ in range(6):
        next(film)
    film.close()
    with pytest.raises(
        RunError, match=r"--from 13: .*part lacks frame \d+; complete it with: animator resume"
    ):
        branch(run, at="13")
    found, new, _ = branch(run, f"painting.strength={EARLY}")
    assert (new.first, new.stop) == (4, 14)
    assert found == [12, 13]


@pytest.mark.parametrize(
    ("settings", "at", "words"),
    [
        (["video.size=64x64"], None, "is 96x80 at 8 frames per second, the branch would be 64x64 at 8 frames per"),
        (["video.fps=24"], None, "the branch would be 96x80 at 24 frames per second: render it as a film of its own"),
        ([], "40", "--from 40 is frame 40: the run's frames are 0..15"),
        ([], "soon", "--from 'soon' is not a time"),
    ],
)  # fmt: skip
def test_an_impossible_branch_is_an_error_of_one_line(files, settings, at, words):
    run = render(files, FILM)
    with pytest.raises(RunError) as caught:
        branch(run, *settings, at=at)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (files / "run-b1").exists()


def test_resume_says_what_has_changed_and_points_to_branch(files):
    run = render(files, FILM)
    for index in (12, 13, 14, 15):
        run.image_file(index).unlink()
    Pillow.open(files / "other.png").save(files / "start.png")
    with pytest.raises(
        RunError, match=r"start.png has changed since frame 0 was painted; .* animator branch .*run$"
    ):
        list(render_run(*reopen_run(run.folder), Counting))
    file = run.folder / "resolved.yaml"
    file.write_text(file.read_text().replace("strength: 0.4", f"strength: {EARLY}"))
    with pytest.raises(
        RunError, match=r"resolved.yaml has been edited since the run began; .* animator branch"
    ):
        list(render_run(*reopen_run(run.folder), Counting))


def test_an_edited_film_goes_on_as_a_branch(files):
    run = render(files, FILM)
    file = run.folder / "resolved.yaml"
    file.write_text(file.read_text().replace("strength: 0.4", f"strength: {EARLY}"))
    assert branch(run)[0] == [12, 15]


def test_only_missing_painted_frames_are_painted_again(files):
    run = render(files, FILM)
    before = {index: run.image_file(index).read_bytes() for index in range(16)}
    for index in (2, 8):
        run.image_file(index).unlink()
    painter = Counting(load(run.folder / "resolved.yaml"))
    list(render_run(*reopen_run(run.folder), lambda _: painter))
    assert painter.painted == [8]
    assert {index: run.image_file(index).read_bytes() for index in range(16)} == before


def test_the_command_branches_a_film_painted_by_sdxl_whose_camera_stands_still(
    tmp_path, checkpoint, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.yaml").write_text(
        f"model: {{base: {checkpoint}}}\nvideo: {{size: 64x48, frames: 7, fps: 8}}\ncadence: 2\n"
        "prompts: {at: a mug}\npainting: {steps: 3, strength: 0.5, guidance_scale: 2}\n"
    )
    run = lambda *args: CliRunner().invoke(main, args, catch_exceptions=False)  # noqa: E731
    assert run("render", "film.yaml", "-o", "out").exit_code == 0
    done = run("branch", "out", "--set", "prompts.at={0: a mug, 4: a chair}", "--json")
    assert done.exit_code == 0
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["index"] for event in reports if event["event"] == "frame" and event["painted"]] == [4, 6]
    assert (reports[0]["kept"], reports[-1]["painted"]) == (3, 2)
    assert done.stderr.startswith(
        "3 of 7 frames are kept, 2 are painted, 2 are in-betweens; the first change is in frame 3"
    )
    assert run("render", "out-b1/resolved.yaml", "-o", "fresh").exit_code == 0
    new, fresh = Run.open(tmp_path / "out-b1"), Run.open(tmp_path / "fresh")
    assert all(np.array_equal(new.image(index), fresh.image(index)) for index in range(7))
    for index in range(3, 7):  # kept frames contain the recipe of the film they were painted for
        assert new.image_file(index).read_bytes() == fresh.image_file(index).read_bytes()
    assert (tmp_path / "out-b1/video.mp4").read_bytes() == (tmp_path / "fresh/video.mp4").read_bytes()
    refused = run("branch", "out", "--set", "video.fps=25")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)


def changed(folder, text, *settings):
    """Return the frames whose fingerprints change with these settings."""
    (folder / "film.yaml").write_text(text)
    scenes = [load(folder / "film.yaml", given) for given in ((), settings)]
    before, after = (FrameFingerprints(scene, timeline(scene)).keys for scene in scenes)
    return sorted(index for index in before if before[index] != after[index])


LATE = list(range(9, 16))  # painted frame 12, its in-betweens, and later frames
CONTROL = "control: {mask: {model: some/net, hint: picture, file: side.png, scale: '1 if t > 8 else 0'}}\n"
ADAPTER = "ip_adapter: {a: {model: some/adapter, file: side.png, scale: '1 if t > 8 else 0'}}\n"
DETAIL = "masks: {m: {polygon: [[0, 0], [1, 0], [1, 1]]}}\ndetail: {mask: {0: '', 9: m}}\n"


@pytest.mark.parametrize(
    ("more", "setting", "frames"),
    [
        (CONTROL, "control.mask.file=other.png", LATE),
        (CONTROL, "control.mask.model=other/net", LATE),
        (CONTROL, "control.mask.scale=0.5 if t > 8 else 0", LATE),
        (ADAPTER, "ip_adapter.a.file=other.png", LATE),
        (ADAPTER, "ip_adapter.a.takes=style", LATE),
        (DETAIL, "masks.m.polygon=[[0, 0], [1, 0], [0, 1]]", LATE),
        (DETAIL, "detail.prompt=closer", list(range(16))),
        ("events: {}\n", "model.refiner=some/refiner", list(range(16))),
        ("output: {upscale: {by: second-pass, strength: 0.2}}\n", "output.upscale.strength=0.4", []),
        ("output: {upscale: 2}\n", "output.interpolate=2", []),
    ],
)
def test_guides_are_in_the_fingerprints_of_the_frames_they_affect_and_later_steps_in_none(
    files, monkeypatch, more, setting, frames
):
    monkeypatch.chdir(files)
    assert changed(files, FILM + more, setting) == frames


def test_a_guide_image_is_fingerprinted_by_its_content(files, monkeypatch):
    monkeypatch.chdir(files)
    (files / "film.yaml").write_text(FILM + CONTROL)
    scene = load("film.yaml")
    before = FrameFingerprints(scene, timeline(scene)).keys
    (files / "side.png").write_bytes((files / "other.png").read_bytes())
    after = FrameFingerprints(scene, timeline(scene)).keys
    assert sorted(index for index in before if before[index] != after[index]) == LATE
