"""Expressions over masks: what binds tighter, and what is refused, with its column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animator import CurveError
from animator.render.masks import combine
from animator.timeline.mask_expressions import Mix, parse

NAMES = ("product", "paper", "shadow", "a", "b")
# Every combination of nothing, something and all, for three masks.
LEVELS = dict(zip("abc", np.meshgrid(*[np.array([0, 80, 255], np.uint8)] * 3), strict=True))


def value(text):
    def of(words):
        return (
            combine(words.sign, [of(part) for part in words.parts])
            if isinstance(words, Mix)
            else LEVELS[words]
        )

    return of(parse(text, "abc"))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a | b & c", "a | (b & c)"),
        ("a ^ b & c", "a ^ (b & c)"),
        ("a | b ^ c", "a | (b ^ c)"),
        ("a - b - c", "(a - b) - c"),
        ("a - b & c", "(a - b) & c"),
        ("!a & b", "(!a) & b"),
        ("!!a", "a"),
        ("  ( a|b )-c ", "(a | b) - c"),
        ("a - b", "a & !b"),
        ("!(a & b)", "!a | !b"),
    ],
)
def test_signs_bind_as_written_in_the_documentation(text, same):
    assert (value(text) == value(same)).all()


def test_signs_mean_what_they_say():
    a, b = LEVELS["a"].astype(int), LEVELS["b"].astype(int)
    assert (value("!a") == 255 - a).all()
    assert (value("a & b") == np.minimum(a, b)).all()
    assert (value("a | b") == np.maximum(a, b)).all()
    assert (value("a ^ b") == abs(a - b)).all()
    assert (value("a - b") == np.minimum(a, 255 - b)).all()


def test_a_mask_turned_round_is_not_dropped():
    """As Deforum did with invert_mask."""
    assert (value("!a") != LEVELS["a"]).any() and (value("!a") != 255).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!prodct & paper", "unknown mask 'prodct', at column 2; did you mean 'product'? (in '!prodct & paper')"),
        ("product & (paper", "'(' without its ')', at column 11"),
        ("product & paper)", "')' without its '(', at column 16"),
        ("product paper", "between masks stands one of & | ^ -, not 'paper', at column 9"),
        ("product &", "a mask is missing, at column 10"),
        ("& product", "a mask is missing before '&', at column 1"),
        ("product + paper", "'+' is neither a mask nor one of ! & | ^ - ( ), at column 9"),
        ("()", "a mask is missing before ')', at column 2"),
        ("", "a mask is missing, at column 1"),
        ("(" * 60 + "a", "more than 50 brackets within brackets, at column 51"),
        ("a|" * 300 + "a", "601 characters; at most 500"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_column(text, message):
    with pytest.raises(CurveError) as caught:
        parse(text, NAMES)
    assert str(caught.value).startswith(message)


@given(st.text("ab!&|^-() x", max_size=40))
def test_anything_is_read_or_refused(text):
    try:
        parse(text, NAMES)
    except CurveError as error:
        assert "\n" not in str(error)


def test_many_turns_are_no_deep_brackets():
    assert parse("!" * 400 + "a", NAMES) == "a"
