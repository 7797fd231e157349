"""A film's sound: the part of the track that a run and a preview play."""

import subprocess

import numpy as np
import pytest

from animator import load, loads, timeline
from animator.imaging.video_codecs import ffmpeg_path
from animator.render.painter import FlatPainter
from animator.runs import render
from animator.timeline.audio import SAMPLE_RATE, AudioClip, read_samples
from animator.viewer import preview
from tests.timeline.tracks import clicks, tone, write


def test_a_film_plays_its_track_from_where_it_begins_and_ends_with_it(tmp_path):
    samples, _ = clicks(60, 6, first=0.5)  # clicks at 0.5, 1.5, 2.5 …
    write(tmp_path / "track.wav", samples)
    (tmp_path / "film.yaml").write_text(
        "video: {size: 64x64, fps: 10, frames: 40}\naudio: {file: track.wav, start: 0.25}\ncadence: 40\n"
    )
    scene = load(tmp_path / "film.yaml")
    run = render.start_run(scene, tmp_path / "film.yaml", tmp_path / "run", (10, 30))
    for _ in render.render_run(run, scene, lambda _: FlatPainter(np.zeros((64, 64, 3), np.uint8))):
        pass
    # The run begins at frame 10, 1.25 s into the track: the next click is 0.25 s later.
    heard = read_samples(AudioClip(run.video, 0, 9))
    assert len(heard) / SAMPLE_RATE == pytest.approx(2.0, abs=0.03)
    loud = np.flatnonzero(np.abs(heard) > 0.3) / SAMPLE_RATE
    assert loud[0] == pytest.approx(0.25, abs=0.03)
    assert loud[loud > 0.5][0] == pytest.approx(1.25, abs=0.03)


def test_a_track_shorter_than_the_film_is_followed_by_silence(tmp_path):
    write(tmp_path / "track.wav", tone(200, 1))
    text = "video: {size: 64x64, fps: 10, frames: 30}\naudio: {file: track.wav}\n"
    for _ in preview.write_preview(loads(text, tmp_path), tmp_path / "film.mp4"):
        pass
    heard = read_samples(AudioClip(tmp_path / "film.mp4", 0, 9))
    assert len(heard) / SAMPLE_RATE == pytest.approx(3.0, abs=0.05)
    assert np.abs(heard[: SAMPLE_RATE // 2]).max() > 0.3
    assert np.abs(heard[3 * SAMPLE_RATE // 2 :]).max() < 0.01


def heard_in(folder, audio, frames=20, fps=10):
    """Return the sound of a preview with these `audio` settings."""
    text = f"video: {{size: 64x64, fps: {fps}, frames: {frames}}}\naudio: {{file: track.mp3, {audio}}}\n"
    for _ in preview.write_preview(loads(text, folder), folder / "film.mp4"):
        pass
    return read_samples(AudioClip(folder / "film.mp4", 0, 9))


def mp3(folder, samples):
    """Write a track of variable bit rate, in which the position of a second is an estimate."""
    write(folder / "track.wav", samples)
    command = [
        ffmpeg_path(),
        "-loglevel",
        "error",
        "-y",
        "-i",
        folder / "track.wav",
        "-q:a",
        "2",
        folder / "track.mp3",
    ]
    subprocess.run(command, check=True)


def test_the_offset_of_a_track_is_exact(tmp_path):
    samples, _ = clicks(60, 40, first=0.5)
    mp3(tmp_path, samples)
    for start, first in ((31.25, 0.25), (-0.75, 1.25), (0.5 - 1 / 24, 1 / 24)):
        loud = np.flatnonzero(np.abs(heard_in(tmp_path, f"start: {start}", 48, 24)) > 0.2) / SAMPLE_RATE
        assert loud[0] == pytest.approx(first, abs=0.004)


def test_curves_read_the_track_at_the_films_offset(tmp_path):
    samples, _ = clicks(60, 12, first=0.5)
    write(tmp_path / "track.wav", samples)
    text = "video: {size: 64x64, fps: 20, frames: 60}\naudio: {file: track.wav, start: %s}\nmotion: {angle: onset}\n"
    for start, first in ((0, 10), (-1, 30), (0.25, 5)):
        heard = [frame.motion.angle for frame in timeline(loads(text % start, tmp_path))]
        assert abs(int(np.flatnonzero(np.array(heard) > 0.5)[0]) - first) <= 1


def test_a_sound_fades_in_and_out_over_its_seconds(tmp_path):
    mp3(tmp_path, tone(200, 5))
    found = heard_in(tmp_path, "fade_in: 0.5, fade_out: 1")
    loud = [
        np.abs(found[int(t * SAMPLE_RATE) : int((t + 0.05) * SAMPLE_RATE)]).max()
        for t in (0, 0.225, 0.7, 1.475, 1.94)
    ]
    assert loud == pytest.approx([0.05, 0.26, 0.5, 0.26, 0.03], abs=0.03)


def test_a_fade_affects_the_film_and_not_the_curves(tmp_path):
    write(tmp_path / "track.wav", tone(200, 5))
    text = "video: {size: 64x64, fps: 10, frames: 20}\naudio: {file: track.wav%s}\nmotion: {angle: rms}\n"
    films = [loads(text % fades, tmp_path) for fades in ("", ", fade_in: 1, fade_out: 1")]
    assert timeline(films[0]) == timeline(films[1])
