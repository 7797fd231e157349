"""A film's sound: which stretch of the track a run and a preview play."""

import numpy as np
import pytest

from animator import load, loads, rehearsal, shoot
from animator.audio.track import RATE, Sound, read
from animator.diffusion.flat import Flat
from tests.audio.tracks import clicks, tone, write


def test_a_film_plays_its_track_from_where_it_begins_and_ends_with_it(tmp_path):
    samples, _ = clicks(60, 6, first=0.5)  # clicks at 0.5, 1.5, 2.5 …
    write(tmp_path / "track.wav", samples)
    (tmp_path / "film.yaml").write_text(
        "video: {size: 64x64, fps: 10, frames: 40}\naudio: {file: track.wav, start: 0.25}\ncadence: 40\n"
    )
    scene = load(tmp_path / "film.yaml")
    run = shoot.start_run(scene, tmp_path / "film.yaml", tmp_path / "run", (10, 30))
    for _ in shoot.shoot(run, scene, lambda _: Flat(np.zeros((64, 64, 3), np.uint8))):
        pass
    # The run begins at frame 10, 1.25 s into the track: the next click is 0.25 s later.
    heard = read(Sound(run.video, 0, 9))
    assert len(heard) / RATE == pytest.approx(2.0, abs=0.03)
    loud = np.flatnonzero(np.abs(heard) > 0.3) / RATE
    assert loud[0] == pytest.approx(0.25, abs=0.03)
    assert loud[loud > 0.5][0] == pytest.approx(1.25, abs=0.03)


def test_a_track_shorter_than_the_film_is_followed_by_silence(tmp_path):
    write(tmp_path / "track.wav", tone(200, 1))
    text = "video: {size: 64x64, fps: 10, frames: 30}\naudio: {file: track.wav}\n"
    for _ in rehearsal.record(loads(text, tmp_path), tmp_path / "film.mp4"):
        pass
    heard = read(Sound(tmp_path / "film.mp4", 0, 9))
    assert len(heard) / RATE == pytest.approx(3.0, abs=0.05)
    assert np.abs(heard[: RATE // 2]).max() > 0.3
    assert np.abs(heard[3 * RATE // 2 :]).max() < 0.01
