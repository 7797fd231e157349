"""Mask expressions: precedence, values, and refusals with their column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animator import CurveError
from animator.render.masks import combine_masks
from animator.timeline.mask_expressions import MaskOp, parse_mask_expression

NAMES = ("product", "paper", "shadow", "a", "b")
# Every combination of none, partial and full, for three masks.
LEVELS = dict(zip("abc", np.meshgrid(*[np.array([0, 80, 255], np.uint8)] * 3), strict=True))


def value(text):
    def evaluate(node):
        return (
            combine_masks(node.operator, [evaluate(part) for part in node.operands])
            if isinstance(node, MaskOp)
            else LEVELS[node]
        )

    return evaluate(parse_mask_expression(text, "abc"))


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
def test_operators_have_the_documented_precedence(text, same):
    assert (value(text) == value(same)).all()


def test_operators_combine_masks_as_documented():
    a, b = LEVELS["a"].astype(int), LEVELS["b"].astype(int)
    assert (value("!a") == 255 - a).all()
    assert (value("a & b") == np.minimum(a, b)).all()
    assert (value("a | b") == np.maximum(a, b)).all()
    assert (value("a ^ b") == abs(a - b)).all()
    assert (value("a - b") == np.minimum(a, 255 - b)).all()


def test_an_inverted_mask_is_applied():
    """Deforum ignored its `invert_mask` setting."""
    assert (value("!a") != LEVELS["a"]).any() and (value("!a") != 255).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!prodct & paper", "unknown mask 'prodct', at column 2; did you mean 'product'? (in '!prodct & paper')"),
        ("product & (paper", "'(' without its ')', at column 11"),
        ("product & paper)", "')' without its '(', at column 16"),
        ("product paper", "expected one of & | ^ - between masks, not 'paper', at column 9"),
        ("product &", "a mask is missing, at column 10"),
        ("& product", "a mask is missing before '&', at column 1"),
        ("product + paper", "'+' is neither a mask nor one of ! & | ^ - ( ), at column 9"),
        ("()", "a mask is missing before ')', at column 2"),
        ("", "a mask is missing, at column 1"),
        ("(" * 60 + "a", "brackets nested more than 50 deep, at column 51"),
        ("a|" * 300 + "a", "601 characters; at most 500"),
    ],
)  # fmt: skip
def test_an_invalid_mask_expression_is_refused_with_its_column(text, message):
    with pytest.raises(CurveError) as caught:
        parse_mask_expression(text, NAMES)
    assert str(caught.value).startswith(message)


@given(st.text("ab!&|^-() x", max_size=40))
def test_any_text_is_parsed_or_refused_in_one_line(text):
    try:
        parse_mask_expression(text, NAMES)
    except CurveError as error:
        assert "\n" not in str(error)


def test_repeated_inversion_does_not_count_as_nesting():
    assert parse_mask_expression("!" * 400 + "a", NAMES) == "a"
