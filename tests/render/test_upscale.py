"""Runs with a larger or interpolated video: its size, rate, length and sound, and resuming."""

import re
import subprocess

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from animator import load
from animator.imaging.video_codecs import ffmpeg_path
from animator.render import pipeline
from animator.render.painter import FlatPainter
from animator.runs import render
from animator.runs.deliverables import deliver
from animator.runs.store import UpscaledFrames
from tests.films import texture
from tests.runs.test_video import decode
from tests.timeline.tracks import clicks, write

TEXT = "video: {{frames: 7, size: 64x48, fps: 10}}\nmotion: {{translation_x: 3}}\npainting: {{strength: 0.2}}\ncadence: 2\n{}\n"


@pytest.fixture
def begin(tmp_path):
    """Return a function that starts a run of a film with these settings."""

    def started(more, name="run"):
        (tmp_path / "film.yaml").write_text(TEXT.format(more))
        scene = load(tmp_path / "film.yaml")
        return render.start_run(scene, tmp_path / "film.yaml", tmp_path / name), scene

    return started


def flat(scene):
    return FlatPainter(texture(64, 48))


def run_whole(run, scene, paint=flat):
    list(render.render_run(run, scene, paint))
    return run


def message(file):
    """Return the duration in seconds and the streams that ffmpeg prints for a video."""
    text = subprocess.run(
        [ffmpeg_path(), "-hide_banner", "-i", str(file)], capture_output=True, text=True, check=False
    ).stderr
    hours, minutes, seconds = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds), text


def test_the_video_is_larger_and_the_frames_are_unchanged(begin):
    run = run_whole(*begin("output: {upscale: 2, crf: 0}"))
    small = run_whole(*begin("output: {crf: 0}", "small"))
    shown = decode(run.video, 128, 96)
    assert len(shown) == 7
    for index in range(7):
        assert (run.image(index) == small.image(index)).all()
        larger = cv2.resize(run.image(index), (128, 96), interpolation=cv2.INTER_LANCZOS4)
        assert (UpscaledFrames(run.folder).image(index) == larger).all()
        assert np.abs(shown[index].astype(int) - larger).mean() < 4


@pytest.mark.parametrize("times", [2, 5])
def test_a_smoother_video_is_as_long_as_the_film_and_so_is_its_sound(begin, tmp_path, times):
    write(tmp_path / "track.wav", clicks(120, 2)[0])
    run = run_whole(*begin(f"audio: {{file: track.wav}}\noutput: {{interpolate: {times}, crf: 0}}"))
    seconds, text = message(run.video)
    assert seconds == pytest.approx(0.7, abs=0.06)
    assert f"{10 * times} fps" in text
    assert "Audio: aac" in text
    shown = decode(run.video, 64, 48)
    assert len(shown) == 7 * times
    greys = shown.mean(axis=-1)  # colours are coarser in a video
    assert all(np.abs(greys[i * times] - run.image(i).mean(axis=-1)).mean() < 4 for i in range(7))


def test_interpolation_closes_boomerangs_and_closed_loops(begin):
    for loop, count in (("boomerang", 12), ("closed", 7)):
        more = f"output: {{interpolate: 3, crf: 1}}\n--- {loop}".split("\n---")[0]
        run, scene = begin(more, loop)
        scene = load(run.folder / "settings.yaml", [f"video.loop={loop}", "cadence=1"])
        run = render.start_run(scene, run.folder / "settings.yaml", run.folder.with_name(f"{loop}2"))
        shown = decode(run_whole(run, scene).video, 64, 48).astype(int)
        assert len(shown) == 3 * count
        last, first = shown[-3], shown[0]
        whole = np.abs(last - first).mean()
        assert all(np.abs(shown[at] - first).mean() < whole for at in (-2, -1))


@pytest.mark.parametrize(
    "more", ["output: {upscale: {factor: 1.5}, interpolate: 2}", "output: {upscale: second-pass}"]
)
def test_a_stopped_run_resumes_with_equal_bytes(begin, more):
    whole = run_whole(*begin(more, "whole"))
    run, scene = begin(more, "torn")
    film = render.render_run(run, scene, flat)
    for _ in range(4):
        next(film)
    film.close()
    again, scene = render.reopen_run(run.folder)
    larger = UpscaledFrames(again.folder)
    assert 0 < len(larger.saved) < 7
    lost = larger.image_file(min(larger.saved))
    lost.unlink()  # as after a disk failure
    run_whole(*render.reopen_run(run.folder))
    for name in ("frames", "upscaled"):
        files = [sorted((folder / name).glob("*.png")) for folder in (whole.folder, run.folder)]
        assert len(files[0]) == 7
        assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert whole.video.read_bytes() == run.video.read_bytes()


def test_a_lost_larger_image_is_made_again_without_a_painter(begin):
    run = run_whole(*begin("output: {upscale: 2}"))
    data = UpscaledFrames(run.folder).image_file(3).read_bytes()
    UpscaledFrames(run.folder).image_file(3).write_bytes(b"half a picture")
    run.video.unlink()

    def no_painter(scene):
        raise AssertionError("every frame is there")

    run = run_whole(*render.reopen_run(run.folder), no_painter)
    assert UpscaledFrames(run.folder).image_file(3).read_bytes() == data
    assert run.video.exists()


def test_the_second_pass_changes_more_at_a_higher_strength(tmp_path):
    text = "video: {frames: 1, size: 64x48}\npainting: {steps: 4, seed: 3}\noutput: {upscale: {by: second-pass, factor: 1.5, strength: STRENGTH}}"
    found = {}
    for strength in (0, 0.3, 0.8):
        (tmp_path / "film.yaml").write_text(text.replace("STRENGTH", str(strength)))
        scene = load(tmp_path / "film.yaml")
        run = run_whole(
            render.start_run(scene, tmp_path / "film.yaml", tmp_path / str(strength)),
            scene,
            pipeline.load_painter,
        )
        found[strength] = UpscaledFrames(run.folder).image(0)
        assert run.image(0).shape == (48, 64, 3)
        assert UpscaledFrames(run.folder).image(0).shape == (72, 96, 3)
    plain = cv2.resize(run.image(0), (96, 72), interpolation=cv2.INTER_LANCZOS4)
    assert (found[0] == plain).all()
    changes = [np.abs(found[strength].astype(int) - plain).mean() for strength in (0.3, 0.8)]
    assert 1 < changes[0] < changes[1]


def test_other_files_have_the_size_of_the_video_and_videos_its_rate(begin):
    also = "also: [webm, poster, webp-alpha], repeat: once, frame: {1x1: {}}"
    run, scene = begin(
        f"masks: {{left: {{polygon: [[0, 0], [0.5, 0], [0, 1]]}}}}\noutput: {{upscale: 2, interpolate: 2, {also}}}"
    )
    run_whole(run, scene)
    made = {item.file.name: item.description for item in deliver(run, scene)}
    assert made["video.webm"].startswith("14 frames of 128x96 at 20 fps")
    assert made["video-1x1.mp4"].startswith("14 frames of 96x96 at 20 fps")
    with Pillow.open(run.folder / "poster.png") as poster:
        assert poster.size == (128, 96)
        assert "parameters" in poster.info
    with Pillow.open(run.folder / "cutout.webp") as cut:
        assert (cut.size, cut.n_frames, cut.mode) == ((128, 96), 7, "RGBA")
    before = decode(run.video, 128, 96)
    list(deliver(run, scene, ["mp4"]))
    assert (decode(run.video, 128, 96) == before).all()


def test_files_are_made_from_the_frames_where_a_larger_image_is_lost(begin):
    run, scene = begin("output: {upscale: 2}")
    run_whole(run, scene)
    UpscaledFrames(run.folder).image_file(3).unlink()
    (made,) = deliver(run, scene, ["webm"])
    assert made.description.startswith("7 frames of 64x48 at 10 fps")
