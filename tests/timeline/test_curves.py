"""Curves from keyframes: interpolation, easing, formulas, keys in every unit."""

import numpy as np
import pytest

from animator import CurveError, sample
from animator.timeline.easing import EASINGS, find_easing


def test_a_number_is_the_same_on_every_frame():
    assert sample(0.45, frames=3).tolist() == [0.45] * 3


def test_numbers_are_interpolated_between_keys_and_held_outside():
    assert sample({2: 0, 4: 10}, frames=7).tolist() == [0, 0, 0, 5, 10, 10, 10]


def test_an_expression_holds_its_own_formula_until_the_next_key():
    assert sample({0: "t", 3: 10, 5: "k"}, frames=8).tolist() == [0, 1, 2, 10, 5, 0, 1, 2]


def test_keys_are_frames_seconds_percent_and_the_end():
    values = sample({"0": 0, "1s": 10, "50%": 20, "end": 30}, frames=41, fps=10)
    assert values[[0, 10, 20, 40]].tolist() == [0, 10, 20, 30]


def test_a_key_beyond_the_end_is_still_interpolated_towards():
    assert sample({0: 0, 100: 10}, frames=11).tolist() == pytest.approx(np.arange(11) / 10)


def test_an_ease_shapes_the_segment_before_its_key():
    values = sample({0: 0, 4: {"value": 8, "ease": "in-quad"}, 8: 0}, frames=9)
    assert values.tolist() == [0, 0.5, 2, 4.5, 8, 6, 4, 2, 0]


def test_step_holds_the_previous_value_until_its_key():
    assert sample({0: 1, 3: {"value": 5, "ease": "step"}}, frames=5).tolist() == [1, 1, 1, 5, 5]


@pytest.mark.parametrize("name", EASINGS)
def test_every_easing_goes_from_0_to_1(name):
    assert EASINGS[name](np.array([0.0, 1.0])).tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("in-sine", 1 - np.cos(np.pi / 4)), ("out-sine", np.sin(np.pi / 4)), ("in-out-sine", 0.5),
        ("in-quad", 0.25), ("out-quad", 0.75), ("in-out-quad", 0.5),
        ("in-cubic", 0.125), ("out-cubic", 0.875), ("in-out-cubic", 0.5),
        ("in-quart", 0.0625), ("out-quint", 1 - 0.03125), ("in-expo", 2**-5), ("out-expo", 1 - 2**-5),
        ("in-circ", 1 - 0.75**0.5), ("in-back", -0.0876975), ("out-back", 1.0876975),
        ("in-elastic", -(2**-5) * np.sin((5 - 10.75) * 2 * np.pi / 3)), ("out-bounce", 0.765625),
        ("in-out-bounce", 0.5), ("in-out-back", 0.5), ("in-out-elastic", 0.5), ("bezier(0,0,1,1)", 0.5),
        ("bezier(.42, 0, .58, 1)", 0.5), ("bezier(0.25, 0.1, 0.25, 1)", 0.8024033877),
    ],
)  # fmt: skip
def test_easings_have_the_published_shapes(name, half):
    assert find_easing(name)(np.array([0.5]))[0] == pytest.approx(half)


def test_in_out_is_slow_at_both_ends():
    values = EASINGS["in-out-cubic"](np.array([0.25, 0.75]))
    assert values.tolist() == pytest.approx([4 * 0.25**3, 1 - 4 * 0.25**3])


@pytest.mark.parametrize(
    ("curve", "words", "key"),
    [
        ({0: 0, "24": 1, "1s": 2}, "1s and 24 are both frame 24", "1s"),
        ({0: 0, "soon": 1}, "'soon' is not a time; write a frame", "soon"),
        ({0: 0, "1.5": 1}, "frames are whole numbers, or write 1.5s", "1.5"),
        (
            {0: 0, 5: {"value": 1, "ease": "in-cubik"}},
            "unknown easing 'in-cubik'; did you mean 'in-cubic'",
            "5",
        ),
        ({0: 0, 5: "sine(t)"}, "unknown function 'sine'", "5"),
        ({}, "no keyframes; write at least one", None),
        ({0: {"ease": "step"}}, "write it as", "0"),
        (
            {0: "t", 5: {"value": 1, "ease": "out-sine"}},
            "the formula 't' holds until this key; remove its ease",
            "5",
        ),
        (dict.fromkeys(range(10001), 1), "10,001 keys; at most 10,000", None),
        ("50:(1)", "no key lies within the film's 30 frames", None),
        ([1], "is not a number", None),
    ],
)
def test_a_problem_names_its_key(curve, words, key):
    with pytest.raises(CurveError, match=words) as caught:
        sample(curve, frames=30)
    assert caught.value.key == key


@pytest.mark.parametrize(("frames", "fps"), [(0, 24), (-1, 24), (5, 0), (5, -1)])
def test_a_film_without_frames_or_time_is_refused(frames, fps):
    with pytest.raises(CurveError, match="at least one frame"):
        sample(1.0, frames=frames, fps=fps)


def test_50_percent_is_half_of_the_last_frames_index():
    assert sample({0: 0, "50%": 1}, frames=12).tolist().index(1) == 6  # of 0..11
    assert sample({0: 0, "50%": 1}, frames=11).tolist().index(1) == 5  # of 0..10


def test_ten_thousand_keys_are_sampled():
    text = ", ".join(f"{n}:({n % 7})" for n in range(10_000))
    assert sample(text, frames=10_000).tolist() == [n % 7 for n in range(10_000)]


def test_out_bounce_reaches_1_four_times_and_never_exceeds_it():
    values = EASINGS["out-bounce"](np.linspace(0, 1, 1001))
    assert values.max() <= 1
    assert (np.diff(np.sign(np.diff(values))) < 0).sum() == 3  # three summits before the last rest


def test_a_smooth_curve_goes_through_its_keys_and_never_overshoots():
    keys = {0: 0, 10: 1, 20: 9, 30: 10, 40: 10, 50: 3}
    curve = {frame: {"value": value, "ease": "smooth"} for frame, value in keys.items()}
    values = sample(curve, frames=60)
    assert values[list(keys)].tolist() == pytest.approx(list(keys.values()))
    for (left, a), (right, b) in zip(list(keys.items())[:-1], list(keys.items())[1:], strict=True):
        part = np.diff(values[left : right + 1])
        assert (part * np.sign(b - a) >= -1e-12).all()
    kinks = np.abs(np.diff(values, 2))
    assert kinks.max() < 0.5 * np.abs(np.diff(sample(keys, frames=60), 2)).max()  # linear keys break


def test_a_smooth_segment_has_slope_0_beside_a_formula():
    values = sample(
        {0: 0, 10: {"value": 5, "ease": "smooth"}, 20: {"value": "5 + k", "ease": "smooth"}}, frames=30
    )
    assert values[[0, 10, 19, 20, 25]].tolist() == pytest.approx([0, 5, 5, 5, 10])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bezier(2,0,1,1)", "x1 and x2 must lie in 0..1"),
        ("bezier(1,2)", "unknown easing"),
        (3, "unknown easing"),
    ],
)
def test_an_invalid_easing_is_refused(name, words):
    with pytest.raises(CurveError, match=words):
        sample({0: 0, 5: {"value": 1, "ease": name}}, frames=9)


def test_infinite_keys_are_reported_by_frame_without_a_numpy_warning():
    with pytest.raises(CurveError, match="nan at frame 0"):  # a warning of numpy's would be an error here
        sample({0: "-1e309", 4: {"value": "-1e309", "ease": "out-sine"}}, frames=6)
