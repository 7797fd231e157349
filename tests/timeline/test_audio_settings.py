"""Audio of a scene: signals in curves, beats as keys, and errors without a track."""

import numpy as np
import pytest

from animator import SceneError, loads, timeline
from animator.timeline.clock import Clock
from animator.timeline.compile import scene_beat_frames
from tests.timeline.tracks import clicks, tone, write

FILM = "audio: {file: track.wav}\nvideo: {fps: 24, frames: 96, size: 64x64}\n"


@pytest.fixture
def folder(tmp_path):
    samples, _ = clicks(120, 4, first=0.25)
    write(tmp_path / "track.wav", samples)
    return tmp_path


def test_curves_can_use_audio_signals(folder):
    frames = timeline(loads(FILM + "motion: {zoom: 1 + 0.1*onset}", folder))
    zoom = np.array([frame.motion.zoom for frame in frames])
    loud = set(np.flatnonzero(zoom > 1.055).tolist())
    assert {6, 18, 30, 42, 54, 66, 78, 90} <= loud  # a click every 12 frames, the first at 0.25 s
    assert zoom[[3, 15, 27]].max() < 1.04


def test_detected_beats_can_be_used_as_keys_and_in_expressions(folder):
    scene = loads(FILM + "prompts: {at: {0: a, 4b: b}}\nmotion: {angle: beat}", folder)
    frames = timeline(scene)
    assert [frames[i].prompt.text for i in (52, 55)] == ["a", "b"]  # beat 4 is at 2.25 s
    assert [frames[i].motion.angle for i in (6, 18, 90)] == pytest.approx([0, 1, 7], abs=0.05)
    assert frames[0].motion.angle == pytest.approx(-0.5, abs=0.05)  # half a beat before the first one
    assert np.abs(np.array(scene_beat_frames(scene)) - np.arange(6, 96, 12)).max() <= 1


def test_events_snap_to_detected_beats(folder):
    more = "events: {turn: 27, late: 44}\nprompts: {at: {0: a, turn: b, late: c}}\nmotion: {angle: turn}"

    def turns(text):
        texts = [frame.prompt.text for frame in timeline(loads(text + more, folder))]
        return [i for i in range(1, len(texts)) if texts[i] != texts[i - 1]]

    beats = range(6, 96, 12)
    assert turns(FILM) == [27, 44]
    found = turns(FILM.replace("wav}", "wav, snap: true}"))
    assert found != [27, 44] and all(min(abs(at - beat) for beat in beats) <= 1 for at in found)


def test_a_written_tempo_overrides_the_detected_one(folder):
    frames = timeline(loads(FILM + "bpm: 60\nmotion: {angle: beat}", folder))
    assert frames[48].motion.angle == 2


def test_beats_continue_beyond_the_first_and_last_detected_one():
    clock = Clock(240, fps=24, beats=(1.0, 1.5, 2.0))
    assert [clock.frame(key) for key in ("-1b", "0b", "1b", "2b", "3.5b")] == [12, 24, 36, 48, 66]


def test_release_lets_a_signal_fade(folder):
    def fading(release):
        scene = loads(FILM.replace("wav}", f"wav, release: {release}}}") + "motion: {angle: onset}", folder)
        return np.array([frame.motion.angle for frame in timeline(scene)])

    assert fading(0.5)[12] > 2 * fading(0.05)[12]


@pytest.mark.parametrize("name", ["rms", "bass", "mid", "treble", "onset"])
def test_a_signal_without_a_track_is_refused_with_the_missing_setting(name):
    with pytest.raises(SceneError, match=f"'{name}' needs a track: audio"):
        loads(f"motion: {{zoom: 1 + 0.1*{name}}}")


def test_a_beat_without_a_tempo_is_refused_with_the_missing_setting():
    with pytest.raises(SceneError, match="'beat' needs beats: bpm: 120, or audio"):
        loads("motion: {zoom: 1 + 0.1*beat}")


def test_a_missing_track_is_reported_once(tmp_path):
    with pytest.raises(SceneError) as caught:
        loads(FILM + "motion: {zoom: 1 + 0.1*bass}", tmp_path)
    assert [problem.path for problem in caught.value.problems] == [("audio", "file")]
    assert "no such file" in str(caught.value)


def test_a_track_without_sound_is_reported_with_its_place(tmp_path):
    (tmp_path / "track.wav").write_text("hello")
    with pytest.raises(SceneError, match=r"<text>:1:15: audio.file: track.wav cannot be read as sound"):
        loads(FILM, tmp_path)


def test_a_film_may_be_longer_than_its_track(tmp_path):
    write(tmp_path / "track.wav", tone(100, 1))
    frames = timeline(loads(FILM + "motion: {angle: rms}", tmp_path))
    assert frames[20].motion.angle > 0.9 and frames[95].motion.angle < 1e-3
