"""Audio analysis: loudness per frequency band and frame, onsets and beats."""

import subprocess

import numpy as np
import pytest

from animator.errors import CurveError
from animator.imaging.video_codecs import ffmpeg_path
from animator.timeline.audio import (
    SAMPLE_RATE,
    SIGNAL_NAMES,
    AudioClip,
    analyse,
    detect_beats,
    envelope_follower,
    read_samples,
)
from tests.timeline.tracks import clicks, tone, write

FPS = 24.0


def analysed(path, seconds, attack=0.0, release=0.0, start=0.0):
    return analyse(AudioClip(path, start, seconds), 0, FPS, round(seconds * FPS), attack, release)


@pytest.mark.parametrize("bpm", [72, 100, 120, 128, 150, 174])
@pytest.mark.parametrize("first", [0.0, 0.31])
def test_every_beat_of_a_click_track_is_found_within_a_frame(tmp_path, bpm, first):
    samples, times = clicks(bpm, 12, first)
    found = detect_beats(read_samples(AudioClip(write(tmp_path / "clicks.wav", samples), 0, 12)))
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 1 / FPS


def test_beats_follow_a_drummer_who_gets_faster(tmp_path):
    intervals = np.linspace(0.55, 0.45, 24)
    times = np.concatenate([[0.2], 0.2 + np.cumsum(intervals)])
    samples = np.zeros(14 * 44_100)
    for time in times:
        at = round(time * 44_100)
        samples[at : at + 882] += tone(1_800, 0.02)
    found = detect_beats(read_samples(AudioClip(write(tmp_path / "faster.wav", samples), 0, 14)))
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 1 / FPS


def test_beats_are_found_in_music(tmp_path):
    samples, times = clicks(110, 12)
    chord = sum(tone(frequency, 12, 0.08) for frequency in (220, 277, 330))
    melody = np.concatenate([tone(440 * 2 ** (i / 12), 0.75, 0.1) for i in (0, 3, 7, 5) * 4])
    found = detect_beats(
        read_samples(AudioClip(write(tmp_path / "music.wav", samples + chord + melody), 0, 12))
    )
    assert np.abs(found[:, None] - times[None]).min(0).max() < 1 / FPS


@pytest.mark.parametrize(("frequency", "band"), [(80, "bass"), (1_000, "mid"), (8_000, "treble")])
def test_a_tone_raises_its_band_from_its_frame_on(tmp_path, frequency, band):
    silent = np.zeros(44_100)
    file = write(tmp_path / "tone.wav", np.concatenate([silent, tone(frequency, 1)]))
    signals = analysed(file, 2).signals
    assert signals[band][:23].max() < 0.05
    assert signals[band][25:].min() > 0.9
    assert signals["rms"][:24].max() < 0.01 and signals["rms"][24:].min() > 0.9
    assert 23 <= int(signals["onset"].argmax()) <= 24


def test_signals_lie_between_0_and_1_and_cover_every_frame(tmp_path):
    file = write(tmp_path / "clicks.wav", clicks(120, 4)[0])
    signals = analysed(file, 6).signals  # two seconds longer than the track
    assert set(signals) == set(SIGNAL_NAMES)
    for values in signals.values():
        assert values.shape == (144,)
        assert values.min() >= 0 and values.max() == pytest.approx(1)
    assert signals["rms"][97:].max() == 0


def test_a_film_may_begin_inside_the_track(tmp_path):
    file = write(tmp_path / "late.wav", np.concatenate([np.zeros(2 * 44_100), tone(100, 1)]))
    assert analysed(file, 1, start=2.0).signals["rms"].min() > 0.9


def test_attack_and_release_are_the_times_of_63_percent():
    step = np.concatenate([np.ones(48), np.zeros(48)])
    slow = envelope_follower(step, FPS, attack=0.5, release=0.25)
    assert slow[11] == pytest.approx(1 - np.exp(-1), abs=1e-9)  # 12 frames, half a second
    assert slow[53] / slow[47] == pytest.approx(np.exp(-1), abs=1e-9)
    assert np.array_equal(envelope_follower(step, FPS, 0, 0), step)


def test_silence_has_no_beats(tmp_path):
    file = write(tmp_path / "silence.wav", np.zeros(44_100 * 3))
    found = analysed(file, 3)
    assert len(found.beats) == 0 and found.bpm is None
    assert all(not values.any() for values in found.signals.values())


def test_compressed_sound_is_read_too(tmp_path):
    wav = write(tmp_path / "clicks.wav", clicks(120, 4)[0])
    mp3 = tmp_path / "clicks.mp3"
    subprocess.run([ffmpeg_path(), "-v", "error", "-i", wav, mp3], check=True)
    a, b = read_samples(AudioClip(wav, 0, 4)), read_samples(AudioClip(mp3, 0, 4))
    assert abs(len(a) - len(b)) < SAMPLE_RATE / 10
    assert analysed(mp3, 4).bpm == pytest.approx(120, abs=1)


@pytest.mark.parametrize("content", [b"", b"no sound at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_a_file_without_sound_is_refused_by_name(tmp_path, content):
    file = tmp_path / "track.wav"
    file.write_bytes(content)
    with pytest.raises(CurveError, match="track.wav"):
        analysed(file, 1)


def test_a_playlist_may_not_fetch_from_the_network(tmp_path):
    file = tmp_path / "list.m3u8"
    file.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(CurveError, match="list.m3u8"):
        analysed(file, 1)
