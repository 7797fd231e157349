"""Key strings give Deforum's values: compared with a reference implementation of its documented rules.

The differences listed in docs/schedule.md are left out: numbers with a trailing point or an exponent, NaN, infinity.
"""

import math
import re

import numexpr
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from animator import CurveError, sample

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)")


def deforum(text, frames, seed):
    """Return Deforum's value of every frame, evaluated one frame at a time; NaN where numexpr gives NaN.

    A number is set on its own frame only, a formula on every frame until the next key; the last value fills the frames
    after it, and the remaining gaps are interpolated.
    """
    last = frames - 1
    texts = {}
    for part in text.split(","):
        key, value = part.split(":")[:2]
        key = re.sub(r"['\"()\s]", "", key)
        at = int(key) if _NUMBER.fullmatch(key) else int(number(key, {"max_f": last, "s": seed}))
        texts[at] = re.sub(r"['\"]", "", value).strip()
    series = [None] * frames
    current = None
    for t in range(frames):
        starts = t in texts
        current = texts.get(t, current)
        bare = re.sub(r"[()]", "", current)
        if _NUMBER.fullmatch(bare):
            series[t] = float(bare) if starts else None
        else:
            series[t] = number(current, {"t": t, "s": seed, "max_f": last})
    known = [t for t in range(frames) if series[t] is not None]
    return [series[t] if series[t] is not None else between(series, known, t) for t in range(frames)]


def number(text, names):
    return float(numexpr.evaluate(text, local_dict=names, global_dict={}))


def between(series, known, t):
    """Interpolate linearly between the nearest known values; after the last of them, return that one."""
    before = max(k for k in known if k < t)
    after = min((k for k in known if k > t), default=None)
    if after is None:
        return series[before]
    return series[before] + (series[after] - series[before]) * (t - before) / (after - before)


PLAIN = st.sampled_from(["0", "1", "-1.25", "+2", ".5", "1.04", "0.65", "12", "-0.003", "100"])
NAME = st.sampled_from(["t", "t", "t", "s", "max_f"])
OPERATOR = st.sampled_from([" + ", "-", "*", " * ", "/"])


def wider(inner):
    """Return a strategy of formulas as in public schedules: sums, sines, powers of cosines, remainders, comparisons."""
    return st.one_of(
        st.tuples(inner, OPERATOR, inner).map(lambda p: f"({p[0]}{p[1]}{p[2]})"),
        st.tuples(st.sampled_from(["sin", "cos", "arctan", "abs", "floor", "ceil", "tanh"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, st.sampled_from(["2", "3", "13", "100"])).map(lambda p: f"(cos({p[0]})**{p[1]})"),
        st.tuples(st.sampled_from(["t", "(t-3)", "s", "(2*t)"]), st.sampled_from(["2", "3", "7", "24"])).map("%".join),
        st.tuples(st.sampled_from(["<", ">=", "==", "!="]), st.integers(0, 40)).map(lambda p: f"((t{p[0]}{p[1]})*2)"),
        inner.map(lambda text: f"(-{text})"),
    )  # fmt: skip


FORMULA = st.recursive(st.one_of(PLAIN, NAME), wider, max_leaves=6)
VALUE = st.one_of(PLAIN, FORMULA)
KEY = st.one_of(
    st.integers(0, 40).map(str),
    st.sampled_from(
        ["00", "07", "-5", "99", '"12"', "'3'", "max_f", '"max_f-2"', "'max_f/2'", "max_f/3", "(max_f-1)"]
    ),
)
FORM = st.sampled_from(["{}:({})", "{}: ({})", "{} : ({})", "{}:({})\n"])


@st.composite
def key_strings(draw):
    """Draw a key string with a key 0, which Deforum requires, its entries in any order."""
    keys = ["0", *draw(st.lists(KEY, max_size=6))]
    parts = [draw(FORM).format(key, draw(VALUE)) for key in draw(st.permutations(keys))]
    return ",".join(parts)


def assert_same_values(text, frames, seed):
    try:
        with np.errstate(all="ignore"):
            theirs = np.array(deforum(text, frames, seed))
    except ZeroDivisionError:
        reject()  # two constants divided by 0: Deforum does not accept such a text
    if not np.isfinite(theirs).all():
        with pytest.raises(CurveError, match="must be finite"):
            sample(text, frames=frames, seed=seed)
        return
    assert sample(text, frames=frames, seed=seed) == pytest.approx(theirs, rel=1e-6, abs=1e-9)


FILMS = (key_strings(), st.integers(2, 45), st.integers(0, 2**32 - 1))


@settings(max_examples=100, deadline=None)
@given(*FILMS)
def test_any_key_string_gives_deforums_values(text, frames, seed):
    assert_same_values(text, frames, seed)


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None)
@given(*FILMS)
def test_thousands_of_key_strings_give_deforums_values(text, frames, seed):
    assert_same_values(text, frames, seed)


HARDEST = [
    ("0:(1.0), 30:(1+0.1*sin(2*3.14*t/20))", 60, {1: 1.000015926, 29: 1.000461868, 31: 0.9695682334}),
    ("0:(0), 5:(t), 10:(0)", 16, {4: 4, 9: 9, 10: 0, 15: 0}),
    ("0:(t), 10:(100+t)", 16, {9: 9, 10: 110, 15: 115}),
    ("0:(1), 5:(2), 5:(9), 10:(3)", 11, {4: 7.4, 5: 9, 6: 7.8}),
    ("-5:(3), 0:(1), 10:(2)", 11, {0: 1, 5: 1.5}),
    ("0:(0), 100:(10)", 11, {5: 0, 10: 0}),
    ("0:(-(1)), 10:(1)", 11, {5: 0, 9: 0.8}),
    ("0:((t-3)%2)", 6, {0: 1, 1: 0, 3: 0}),
    ("0:(2^3)", 5, {0: 1}),
    ("0:(0), 'max_f/2':(7), 'max_f':(9)", 21, {5: 3.5, 10: 7, 15: 8}),
    ("0:(0.25 * cos((72 / 60 * 3.141 * (t + 0) / 30))**13 + 0.7)", 31, {15: 0.6999999423, 25: 0.4500005708}),
]


@pytest.mark.parametrize(("text", "frames", "values"), HARDEST)
def test_the_reference_implementation_gives_deforums_values(text, frames, values):
    found = deforum(text, frames, 1)
    assert {t: found[t] for t in values} == pytest.approx(values, rel=1e-6, abs=1e-9)


def test_s_in_a_key_string_is_the_runs_seed():
    text = '0:(s), 1:(-1), "max_f-2":(-1), "max_f-1":(s)'
    assert deforum(text, 10, 42) == sample(text, frames=10, seed=42).tolist() == [42] + [-1] * 7 + [42, 42]


def test_a_key_per_frame_over_4000_characters_gives_deforums_values():
    text = ", ".join(f"{n}: ({math.sin(n / 7):.3f})" for n in range(290))
    assert len(text) > 4_000
    assert sample(text, frames=300) == pytest.approx(np.array(deforum(text, 300, 0)), rel=1e-6)
