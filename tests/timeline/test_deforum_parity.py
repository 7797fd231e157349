"""Key strings give Deforum's values, measured on its code with seed 1 and the given number of frames."""

import numpy as np
import pytest

from animator import CurveError, sample

# (key string, frames, seed, frame → value)
MEASURED = [
    (
        "0:(1.0), 30:(1+0.1*sin(2*3.14*t/20))", 60, 1,
        {0: 1, 1: 1.000015926, 15: 1.000238897, 29: 1.000461868, 30: 1.000477794, 31: 0.9695682334,
         35: 0.9000015536, 45: 1.099997432, 59: 0.9682060029},
    ),
    ("0:(1.02)", 10, 1, {0: 1.02, 5: 1.02, 9: 1.02}),
    ("0:(0), 10:(10)", 21, 1, {0: 0, 1: 1, 5: 5, 10: 10, 15: 10, 20: 10}),
    ("0:(t*0.1), 10:(5)", 21, 1, {0: 0, 5: 0.5, 9: 0.9, 10: 5, 11: 5, 20: 5}),
    ("0:(5), 10:(t*0.1)", 21, 1, {0: 5, 5: 3, 9: 1.4, 10: 1, 11: 1.1, 20: 2}),
    ("0:(0), 5:(t), 10:(0)", 16, 1, {0: 0, 4: 4, 5: 5, 6: 6, 9: 9, 10: 0, 15: 0}),
    ("0:(t), 10:(100+t)", 16, 1, {0: 0, 9: 9, 10: 110, 15: 115}),
    ("0:(0), 100:(10)", 11, 1, {0: 0, 5: 0, 10: 0}),
    ("10:(10), 0:(0), 5:(20)", 11, 1, {0: 0, 2: 8, 5: 20, 7: 16, 10: 10}),
    ("0:(1), 5:(2), 5:(9), 10:(3)", 11, 1, {0: 1, 4: 7.4, 5: 9, 6: 7.8, 10: 3}),
    ("-5:(3), 0:(1), 10:(2)", 11, 1, {0: 1, 5: 1.5, 10: 2}),
    (
        '0:(s), 1:(-1), "max_f-2":(-1), "max_f-1":(s)', 10, 42,
        {0: 42, 1: -1, 5: -1, 7: -1, 8: 42, 9: 42},
    ),
    ("0:(max_f)", 10, 1, {0: 9, 9: 9}),
    ("0:(0), 'max_f/2':(7), 'max_f':(9)", 21, 1, {0: 0, 5: 3.5, 10: 7, 15: 8, 20: 9}),
    ("0:(0), max_f/2:(7), max_f:(9)", 21, 1, {0: 0, 5: 3.5, 10: 7, 15: 8, 20: 9}),
    ("0:(0), max_f/3:(6)", 12, 1, {0: 0, 3: 6, 6: 6, 11: 6}),
    ("0:(0), 5:(1), max_f/2:(9)", 11, 1, {0: 0, 5: 9, 10: 9}),
    ('"0":(1), "5":(2)', 6, 1, {0: 1, 5: 2}),
    ("00:(1), 05:(2)", 6, 1, {0: 1, 5: 2}),
    ("0: 1.5, 10: 3", 11, 1, {0: 1.5, 5: 2.25, 10: 3}),
    ("0:(\"1.5\"), 10:('3')", 11, 1, {0: 1.5, 5: 2.25, 10: 3}),
    ("0:(-1.25), 4:(+2)", 5, 1, {0: -1.25, 2: 0.375, 4: 2}),
    ("0:(-(1)), 10:(1)", 11, 1, {0: -1, 5: 0, 9: 0.8, 10: 1}),
    ("0:(.5)", 3, 1, {0: 0.5}),
    ("0:(2**t)", 5, 1, {0: 1, 3: 8, 4: 16}),
    ("0:(2^3)", 5, 1, {0: 1}),
    ("0:(t%3)", 7, 1, {0: 0, 2: 2, 3: 0, 5: 2}),
    ("0:((t-3)%2)", 6, 1, {0: 1, 1: 0, 2: 1, 3: 0}),
    ("0:((t>=3)*2)", 7, 1, {0: 0, 3: 2, 6: 2}),
    ("0:(((t>1)&(t<4))*1)", 6, 1, {0: 0, 1: 0, 2: 1, 3: 1, 4: 0}),
    ("0:((-1)**t)", 6, 1, {0: 1, 1: -1, 2: 1, 3: -1}),
    ("0:(-t**2)", 4, 1, {0: 0, 2: -4, 3: -9}),
    ("0:(i*2)", 4, 1, {0: 0, 3: 6}),
    ("0:(7)", 1, 1, {0: 7}),
    (
        "0: (1 + -0.15*(0.3*(cos(3.141*t/15)**100)+0.7))", 31, 1,
        {0: 0.85, 1: 0.8900567041, 15: 0.8500007903, 30: 0.850003161},
    ),
    (
        "0:(0.25 * cos((72 / 60 * 3.141 * (t + 0) / 30))**13 + 0.7)", 31, 1,
        {0: 0.95, 1: 0.925559655, 15: 0.6999999423, 25: 0.4500005708, 30: 0.6839932029},
    ),
    # Deforum's default zoom, from its own test suite.
    (
        "0:(1.0025+0.002*sin(1.25*3.14*t/30))", 5, 1,
        {0: 1.0025, 1: 1.002760921, 2: 1.003017382, 3: 1.003264999, 4: 1.00349954},
    ),
]  # fmt: skip

# Deforum accepts these silently (NaN is interpolated, infinity kept); we report the first bad frame.
NOT_FINITE = [
    ("0:(1/t)", 4, "inf at frame 0"),
    ("0:(cos(t)**0.5)", 12, "nan at frame 2"),
    ("0:(sqrt(3-t))", 8, "nan at frame 4"),
]

# Deforum tests the text for a number, so a space or a point makes `1` an expression, which is held instead of
# interpolated. Here a number is a number however it is written, and 1/2 is an expression.
NUMBERS = [
    ("0:( 1 ), 10:( 2 )", 11, {0: 1, 5: 1.5, 9: 1.9, 10: 2}),
    ("0:(1 ), 10:(2)", 11, {0: 1, 5: 1.5, 9: 1.9, 10: 2}),
    ("0:(1.), 10:(2.)", 11, {0: 1, 5: 1.5, 9: 1.9, 10: 2}),
    ("0:(1e-1), 10:(2e-1)", 11, {0: 0.1, 5: 0.15, 9: 0.19, 10: 0.2}),
    ("0:(1/2), 10:(2)", 11, {0: 0.5, 5: 0.5, 9: 0.5, 10: 2}),
    ("  0 :  ( 1 ) ,\n 10 : ( 2 ) ", 11, {0: 1, 5: 1.5, 10: 2}),
]

# Deforum reads these as numbers: 0, 1, 12 …; we refuse them.
MISTAKES = ["0: 0: (5)", "0:(1:2)", "0:(1, 5:(2)", "0:((1)(2))"]

# Deforum cannot read these; we read them as the user meant them.
READ_BY_US = [
    ("10:(5), 20:(10)", 31, {0: 5, 10: 5, 15: 7.5, 20: 10, 30: 10}),
    ("10:(5)", 21, {0: 5, 20: 5}),
    ("0:(where(t<3, 1, 2))", 6, {0: 1, 2: 1, 3: 2, 5: 2}),
    ("0:(arctan2(t,2))", 6, {0: 0, 5: 1.19028995}),
    ("0:(max(1,t))", 3, {0: 1, 2: 2}),
    ("0:(1), 5:(2),", 6, {0: 1, 5: 2}),
    ("0:(sin(pi*t/2))", 6, {0: 0, 1: 1, 3: -1}),
    ("0:(t//2)", 6, {0: 0, 1: 0, 5: 2}),
    ("0:(1 if t>2 else 0)", 6, {0: 0, 2: 0, 3: 1}),
    ("1.5", 3, {0: 1.5, 2: 1.5}),
    ("0:(0), 1s:(24), 50%:(6)", 49, {0: 0, 24: 6}),
    ("0:(0), end:(8)", 9, {0: 0, 4: 4, 8: 8}),
]

REFUSED = [
    "0:(0,5)", "0:()", "0:", "", "0:(1) 5:(2)", "0(1), 5:(2)", "0:(1); 5:(2)", "0:(1+t, 5:(2)", "0:(foo+1)",
    "0:(T)", '0:("1+t", 2)', "0:(0), t:(6)", "0:(0), 2.5:(10)", "0:(random())", "0:(sqrt(-1-t))",
    "0:(t.__class__)", "0:(__import__('os').getpid())", "{0:(1), 5:(2)}", "0:[1], 5:[2]", "0:（1）",
]  # fmt: skip


def expect(text, frames, seed, values):
    found = sample(text, frames=frames, seed=seed)
    assert found.shape == (frames,)
    assert found.dtype == np.float64
    got = {frame: found[frame] for frame in values}
    assert got == pytest.approx(values, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("text", "frames", "seed", "values"), MEASURED, ids=[case[0] for case in MEASURED])
def test_key_strings_give_deforums_values(text, frames, seed, values):
    expect(text, frames, seed, values)


@pytest.mark.parametrize(("text", "frames", "words"), NOT_FINITE)
def test_values_that_are_not_finite_are_refused_with_their_frame(text, frames, words):
    with pytest.raises(CurveError, match=words):
        sample(text, frames=frames)


@pytest.mark.parametrize(("text", "frames", "values"), NUMBERS)
def test_a_number_is_a_number_however_it_is_written(text, frames, values):
    expect(text, frames, 1, values)


@pytest.mark.parametrize("text", [*MISTAKES, *REFUSED])
def test_an_invalid_key_string_is_refused(text):
    with pytest.raises(CurveError):
        sample(text, frames=12)


@pytest.mark.parametrize(("text", "frames", "values"), READ_BY_US)
def test_key_strings_that_deforum_cannot_read_are_read(text, frames, values):
    expect(text, frames, 1, values)


def test_no_value_is_left_undefined():
    assert not np.isnan(sample("3:(t), 7:(2), 9:(t)", frames=12)).any()
