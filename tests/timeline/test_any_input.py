"""Any content of a schedule file is sampled, or refused with its place, without side effects."""

import importlib
import json
import time
from collections import deque
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animator import CurveError, SceneError, loads, sample, timeline
from benchmarks import fuzz, written

CHANCE = st.randoms(use_true_random=False)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    "motion.angle",
    "prompts.at",
    "events.a",
    "video.fps",
    "painting.seed",
    "model.loras",
    "grade.noise",
    "vars.x",
]


@pytest.fixture(scope="module")
def side_effects():
    """Log of files opened, modules imported and code run since it was last cleared."""
    importlib.import_module("unicodedata")  # Python's own parser loads it for names such as π
    fuzz.try_one(fuzz.CLEAN)
    seen = deque(maxlen=50)  # the audit hook cannot be removed, so the log is bounded
    fuzz.watch(seen)
    return seen


def assert_has_places(error):
    assert error.problems
    for problem in error.problems:
        assert problem.place.line >= 1 and problem.place.column >= 1, problem
        assert len(str(problem)) < 2_000


def check_schedule(text):
    """Check that `text` is a schedule of finite numbers, or is refused with its place."""
    try:
        frames = timeline(loads(text))
    except SceneError as error:
        assert_has_places(error)
    else:
        assert np.isfinite([frame.motion.angle for frame in frames]).all()


def test_hundreds_of_generated_files_are_read_or_refused_without_side_effects(side_effects):
    for number in range(500):  # `make fuzz` tries 100,000
        text = written.schedule(Random(f"test:{number}"))
        side_effects.clear()
        started = time.process_time()
        kind, message = fuzz.try_one(text)
        assert kind in fuzz.GOOD, (number, kind, message)
        assert time.process_time() - started < 2, number
        assert not side_effects, (number, side_effects)


@settings(max_examples=100, deadline=None)
@given(CHANCE)
def test_any_schedule_file_is_read_or_refused_with_a_place(random):
    check_schedule(written.schedule(random))


@settings(max_examples=100, deadline=None)
@given(CHANCE)
def test_any_value_gives_finite_numbers_or_our_error(random):
    try:
        assert np.isfinite(sample(written.value(random), frames=12)).all()
    except CurveError as error:
        assert 0 < len(str(error)) < 2_000


@settings(max_examples=100, deadline=None)
@given(ANYTHING)
def test_any_python_value_gives_finite_numbers_or_our_error(value):
    try:
        assert np.isfinite(sample(value, frames=5)).all()
    except CurveError:
        pass


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PLACES), ANYTHING)
def test_any_yaml_value_of_any_setting_is_read_or_refused_with_a_place(place, value):
    section, name = place.split(".")
    check_schedule(json.dumps({"video": {"frames": 12}} | {section: {name: value}}))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_as_a_schedule_or_refused_with_a_place(text):
    check_schedule(text)
    check_schedule(f"motion:\n  angle: {text}\n")
    check_schedule(f"prompts:\n  at:\n    {text}: mug\n")


@pytest.mark.parametrize("text", ["1if t else 2", "1or 2", "0x1for x in t", "t is 1", "1(2)"])
def test_an_expression_that_python_warns_of_gives_no_warning(text):
    try:
        sample(text, frames=3)  # warnings are errors in these tests
    except CurveError as error:
        assert "warning" not in str(error).lower()


def test_generated_files_are_a_mix_of_valid_and_invalid():
    kinds = [fuzz.try_one(written.schedule(Random(f"mix:{number}")))[0] for number in range(150)]
    assert kinds.count("sampled") > 20
    assert kinds.count("refused with position") > 50
