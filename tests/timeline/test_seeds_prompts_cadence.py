"""Seeds, prompts and cadence: columns of the frame table."""

import re

import numpy as np
import pytest

from animator import CurveError
from animator.timeline.cadence import painted_by_cadence, pick_evenly, seed_column, tween_weights
from animator.timeline.clock import Clock
from animator.timeline.column_reader import text_keyframes
from animator.timeline.prompts import blends, build_prompts, parse_prompts

ALL = np.ones(6, bool)


@pytest.mark.parametrize(
    ("behavior", "every", "expected"),
    [
        ("fixed", 1, [100] * 6),
        ("iter", 1, [100, 101, 102, 103, 104, 105]),
        ("iter", 3, [100, 100, 100, 101, 101, 101]),
        ("ladder", 1, [100, 102, 101, 103, 102, 104]),
        ("alternate", 1, [100, 101, 100, 101, 100, 101]),
    ],
)
def test_seeds_follow_their_behavior(behavior, every, expected):
    assert seed_column(behavior, 100, ALL, every).tolist() == expected


def test_random_seeds_come_from_the_runs_seed():
    first, again, other = (seed_column("random", start, ALL).tolist() for start in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 6


def test_a_seed_advances_at_painted_frames_only_and_wraps():
    diffuse = np.array([True, False, True, False, False, True])
    assert seed_column("iter", 2**32 - 2, diffuse).tolist() == [
        2**32 - 2,
        2**32 - 2,
        2**32 - 1,
        2**32 - 1,
        2**32 - 1,
        0,
    ]


def prompt_rows(at, negative="", common="", travel=0, frames=6):
    clock = Clock(frames)
    signals = clock.signals()
    no = parse_prompts(negative, clock, signals)[0]
    words = parse_prompts(at, clock, signals)
    on_way = blends(list(words[0]), travel, np.zeros(frames, int))
    return build_prompts(words, no, parse_prompts(common, clock, signals), on_way, frames)


def test_a_prompt_holds_from_its_key_until_the_next():
    row = prompt_rows({0: "a", 2: "b"}, "no", "c", frames=4)
    assert [(p.text, p.negative, p.next, p.weight) for p in row] == [
        ("a, c", "no", "a, c", 0), ("a, c", "no", "a, c", 0), ("b, c", "no", "b, c", 0), ("b, c", "no", "b, c", 0),
    ]  # fmt: skip


def test_travel_blends_into_the_next_prompt_and_arrives_at_its_key():
    row = prompt_rows({0: "a", 4: "b"}, travel=4)
    assert [(p.text, p.next, p.weight) for p in row] == [
        ("a", "a", 0), ("a", "b", 0.25), ("a", "b", 0.5), ("a", "b", 0.75), ("b", "b", 0), ("b", "b", 0),
    ]  # fmt: skip


def test_every_prompt_holds_alone_on_a_frame_however_long_the_travel():
    row = prompt_rows({0: "a", 1: "b", 4: "c"}, travel=100)
    assert [p.text for p in row if p.weight == 0] == ["a", "b", "c", "c"]


def test_text_after_neg_is_joined_with_the_negative_prompt():
    row = prompt_rows({0: "a mug, --neg blur", 3: "a cup"}, "text", "sharp --neg noise")
    assert [(p.text, p.negative) for p in row][::3] == [
        ("a mug, sharp", "blur, text, noise"),
        ("a cup, sharp", "text, noise"),
    ]


def test_a_formula_in_a_prompt_is_its_value_on_every_frame():
    row = prompt_rows(
        {0: "(red:`0.5+t/100`) mug", 4: "(blue:`1 - k/3`)"}, "(text:`t%2`)", "`where(t<2, 1, -0.0001)`"
    )
    assert [p.text for p in row] == [
        "(red:0.5) mug, 1", "(red:0.51) mug, 1", "(red:0.52) mug, 0", "(red:0.53) mug, 0",
        "(blue:1), 0", "(blue:0.667), 0",
    ]  # fmt: skip
    assert [p.negative for p in row] == ["(text:0)", "(text:1)"] * 3


def test_a_formula_is_evaluated_while_one_prompt_blends_into_the_next():
    row = prompt_rows({0: "`t`", 4: "`10*t`"}, travel=2)
    assert [(p.text, p.next, p.weight) for p in row][2:5] == [
        ("2", "2", 0),
        ("3", "30", 0.5),
        ("40", "40", 0),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a `t", "a ` without its partner"),
        ("a `sine(t)`", "unknown function 'sine'; did you mean 'sin'"),
        ("a `1/(t-3)`", "inf at frame 3 in `1/"),
        ("a `__import__('os')`", 'in "__import__'),
        ("a ``", "an empty text is not a value"),
    ],
)
def test_a_formula_that_cannot_be_computed_names_its_key(text, words):
    with pytest.raises(CurveError, match=re.escape(words)) as caught:
        prompt_rows({"0": "fine", "0.1s": text})
    assert caught.value.key == "0.1s"


def test_the_first_prompt_holds_from_frame_0():
    assert text_keyframes({"3": "a", "5": "b"}, Clock(10)) == {0: "a", 5: "b"}


@pytest.mark.parametrize(
    ("written", "words"),
    [({"0": "a", "99": "b"}, "outside the film"), ({"24": "a", "1s": "b"}, "both frame 24")],
)
def test_prompt_keys_outside_the_film_or_on_one_frame_are_refused(written, words):
    with pytest.raises(CurveError, match=words):
        text_keyframes(written, Clock(48))


def test_cadence_paints_every_nth_frame_and_the_last():
    assert painted_by_cadence(np.full(9, 0.5), 3).nonzero()[0].tolist() == [0, 3, 6, 8]


def test_strength_0_paints_nothing_but_the_first_frame():
    assert painted_by_cadence(np.array([0, 0, 0.5, 0]), 1).nonzero()[0].tolist() == [0, 2]


def test_the_weight_of_in_betweens_grows_towards_the_next_painted_frame():
    diffuse = np.array([1, 0, 0, 1, 0, 1], bool)
    assert tween_weights(diffuse, np.zeros(6, bool)) == pytest.approx([1, 1 / 3, 2 / 3, 1, 0.5, 1])


def test_frames_of_strength_0_hold_the_previous_painted_frame():
    strength = np.array([0.5, 0.5, 0, 0, 0.5, 0.5, 0.5, 0])
    diffuse = painted_by_cadence(strength, 3)
    assert diffuse.nonzero()[0].tolist() == [0, 6]
    assert tween_weights(diffuse, strength == 0) == pytest.approx([1, 0, 0, 0, 1 / 3, 2 / 3, 1, 0])


def test_items_picked_evenly_reach_from_the_first_to_the_last_and_one_is_the_first():
    assert pick_evenly(range(10), 4) == [0, 3, 6, 9]
    assert pick_evenly(range(3), 9) == [0, 1, 2]
    assert pick_evenly([5], 3) == [5]
    assert pick_evenly(range(10), 1) == [0]
