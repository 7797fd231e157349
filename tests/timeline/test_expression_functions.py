"""Oscillators, noise and easings as functions; beats and events as keys and names."""

import numpy as np
import pytest

from animator import CurveError, SceneError, loads, sample, timeline
from animator.timeline.clock import Clock
from animator.timeline.curves import sample_curve
from animator.timeline.easing import EASINGS


def at(text, *frames, count=25):
    return sample(text, frames=count)[list(frames)].tolist()


def test_oscillators_have_their_shapes():
    assert at("tri(t, 8)", 0, 1, 2, 4, 6, 8) == [0, 0.5, 1, 0, -1, 0]
    assert at("saw(t, 4)", 0, 1, 2, 3, 4) == [-1, -0.5, 0, 0.5, -1]
    assert at("square(t, 4)", 0, 1, 2, 3, 4) == [1, 1, -1, -1, 1]
    assert at("pulse(t, 10)", 0, 1, 9, 10) == [1, 0, 0, 1]
    assert at("pulse(t, 10, 0.5)", 4, 5) == [1, 0]


def test_oscillators_repeat_in_both_directions_and_take_any_argument():
    assert at("tri(t - 20, 8)", 0, 2, 4, 6) == [0, -1, 0, 1]
    assert at("2 + saw(t*2, 4 + 0*t)", 0, 1) == [1, 2]


def test_noise_is_smooth_and_deterministic_and_differs_by_seed():
    values = sample("noise(t/10, 3)", frames=2_000)
    assert (values == sample("noise(t/10, 3)", frames=2_000)).all()
    assert np.abs(np.corrcoef(values, sample("noise(t/10, 4)", frames=2_000))[0, 1]) < 0.2
    assert np.abs(values).max() <= 1
    assert values.std() > 0.3
    assert abs(values.mean()) < 0.1
    assert np.abs(np.diff(values)).max() < 0.4
    assert (sample("noise(t/10)", frames=50) == sample("noise(t/10, 0)", frames=50)).all()


def test_noise_is_the_same_on_every_machine():
    assert sample("noise(t/3, 7)", frames=4).tolist() == pytest.approx(
        [-0.6522642680806343, -0.35697602231084835, 0.45940912775856013, 0.754697373528346], abs=1e-12
    )


@pytest.mark.parametrize("name", EASINGS)
def test_every_easing_is_a_function_that_is_constant_outside_0_to_1(name):
    values = at(f"{name.replace('-', '_')}((t - 5)/10)", 0, 5, 15, 24)
    assert values == pytest.approx([0, 0, 1, 1])


def test_beats_can_be_used_as_keys_and_in_expressions():
    clock = Clock(100, fps=24, bpm=120)  # a beat is 12 frames
    values = sample_curve({0: 0, "2b": 24, "4b": 0}, clock, clock.signals())
    assert values[[0, 12, 24, 36, 48, 60]].tolist() == [0, 12, 24, 12, 0, 0]
    assert sample_curve("beat", clock, clock.signals())[[0, 6, 12]].tolist() == [0, 0.5, 1]
    assert sample_curve("bpm", clock, clock.signals())[0] == 120


def test_a_key_in_beats_without_a_tempo_is_refused():
    with pytest.raises(CurveError, match="'4b' is a time in beats, but there is no tempo; add e.g. bpm: 120"):
        sample({0: 1, "4b": 2}, frames=9)


def test_events_can_be_used_as_keys_and_in_expressions():
    scene = loads(
        "video: {frames: 60, fps: 10}\nbpm: 60\nevents: {reveal: 2s, drop: 4b, last: end}\n"
        "motion: {angle: {0: 0, reveal: 10, last: 0}, zoom: 1.1 if t >= drop else 1}\n"
        "prompts: {at: {0: a, reveal: b}}\n"
    )
    frames = timeline(scene)
    assert [frames[i].motion.angle for i in (0, 10, 20, 59)] == [0, 5, 10, 0]
    assert [frames[i].motion.zoom for i in (39, 40)] == [1, 1.1]
    assert [frames[i].prompt.text for i in (19, 20)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("events: {t: 3}", "events.t: 't' cannot name an event"),
        ("events: {sin: 3}", "'sin' cannot name an event"),
        ("events: {end: 3}", "'end' cannot name an event"),
        ("events: {a-b: 3}", "'a-b' cannot name an event"),
        ("events: {a: soon}", "events.a: 'soon' is not a time"),
        (
            "events: {reveal: 2}\nmotion: {angle: {0: 0, reveel: 3}}",
            "no event 'reveel'; did you mean 'reveal'",
        ),
    ],
)
def test_an_invalid_event_is_refused(text, words):
    with pytest.raises(SceneError, match=words):
        timeline(loads(text))
