"""Rewrite key strings key by key as text, and write values per frame as short key strings."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text
from animator.timeline.clock import Clock
from animator.timeline.curves import parse_number, sample_unchecked, split_key_string

Floats = NDArray[np.float64]
Conversion = Callable[[str], str]  # maps a number or an expression, as text, to another one
CurveValue = float | int | str  # a number, an expression or a key string

TOLERANCE = 1e-9  # of a value from the straight line that replaces it; relative above 1
SIGNIFICANT_DIGITS = 10  # significant ones of a value per frame: no visible difference, and short


def identity(text: str) -> str:
    """Return `text` unchanged (the identity conversion)."""
    return text


def complement(text: str) -> str:
    """Return 1 - `text` for a number or an expression; a constant summand is folded: 0.7 + x → 0.3 - x."""
    plain = parse_number(text)
    if plain is not None:
        return format_decimal(1 - Decimal(repr(plain)))
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return f"1 - ({text})"
    found = _split_sum(text, tree)
    if found is None:
        return f"1 - ({text})"
    constant, sign, term = found
    rest, sign = format_decimal(1 - constant), "+" if sign == "-" else "-"
    if rest == "0":
        return _simplify(term) if sign == "+" else f"-{term}"
    return f"{rest} {sign} {term}"


def _split_sum(text: str, tree: ast.expr) -> tuple[Decimal, str, str] | None:
    """Split `0.7 + x`, `0.7 - x`, `x + 0.7` or `x - 0.7` into the number and the sign and text of the rest."""
    if not (isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub)):
        return None
    plus = isinstance(tree.op, ast.Add)
    left, right = (parse_number(_source_text(text, side)) for side in (tree.left, tree.right))
    if left is not None:
        return Decimal(repr(left)), *_split_term(text, tree.right, plus)
    if right is not None:
        return Decimal(repr(right)) * (1 if plus else -1), *_split_term(text, tree.left, True)
    return None


def _split_term(text: str, node: ast.expr, plus: bool) -> tuple[str, str]:
    """Return a summand's sign and text, in brackets where another sign in front would change its meaning."""
    source = _source_text(text, node)
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.Pow)
    if product or isinstance(node, ast.Call | ast.Name | ast.Constant):
        if source.startswith("-"):  # - 0.1*x instead of + -0.1*x
            return "-" if plus else "+", source[1:].lstrip()
        return "+" if plus else "-", source
    return "+" if plus else "-", f"({source})"


def _source_text(text: str, node: ast.expr) -> str:
    return ast.get_source_segment(text, node) or ast.unparse(node)


def rewrite(written: Any, convert: Conversion = identity) -> CurveValue:
    """Return a schedule (number, expression or key string) with each of its values converted.

    A key string whose only key is 0 becomes its value. Raises CurveError if `written` is not a schedule.
    """
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        raise CurveError(f"{quote_text(written)} is not a number, an expression or a key string")
    text = " ".join(str(written).split())
    pairs = split_key_string(text)
    if pairs is None:
        return _parse_value(convert(_simplify(text)))
    if not pairs:
        raise CurveError(f"{quote_text(text)} has no keys")
    if len(pairs) == 1 and parse_number(pairs[0][0]) == 0:
        return _parse_value(convert(_simplify(pairs[0][1])))
    if convert is identity:
        return text
    return ", ".join(f"{key}: ({convert(_simplify(value))})" for key, value in pairs)


def _simplify(text: str) -> str:
    """Return a number in its shortest form, any other text without the brackets around the whole of it."""
    value = parse_number(text)
    if value is not None:
        return format_decimal(Decimal(repr(value)))
    pairs = split_key_string(f"0: {text}")
    return pairs[0][1] if pairs else text


def _parse_value(text: str) -> CurveValue:
    value = parse_number(text)
    if value is None:
        return text
    return int(value) if value.is_integer() else value


def format_decimal(value: Decimal) -> str:
    """Format a number without an exponent: Deforum reads `1e-5` as an expression, which it does not interpolate."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def constant_value(written: Any) -> float | None:
    """Return the value of a schedule that is the same number on every frame, else None."""
    try:
        value = rewrite(written)
    except CurveError:
        return None
    return float(value) if isinstance(value, int | float) else None


def compact(values: Floats) -> CurveValue:
    """Write values per frame as a number or a key string, without keys on straight lines between others."""
    if np.ptp(values) <= TOLERANCE * max(1.0, float(np.abs(values).max())):
        return _parse_value(_format_digits(float(values[0])))
    return ", ".join(f"{frame}: ({_format_digits(float(values[frame]))})" for frame in corner_frames(values))


def compact_motion(values: Floats) -> CurveValue:
    """Write the values per frame of a motion: frame 0, into which nothing moves, takes the value of frame 1."""
    return compact(np.concatenate([values[1:2], values[1:]]) if len(values) > 1 else values)


def _format_digits(value: float) -> str:
    return format_decimal(Decimal(f"{round(value, SIGNIFICANT_DIGITS + 2):.{SIGNIFICANT_DIGITS}g}"))


def corner_frames(values: Floats) -> list[int]:
    """Return the frames between which `values` is linear, first and last included, but without a level end.

    It takes linear time.
    """
    found, last = [0], len(values) - 1
    while found[-1] < last:
        anchor = found[-1]
        low, high, end = -np.inf, np.inf, anchor + 1
        # Every frame narrows the range of slopes that pass within tolerance of all frames so far.
        for frame in range(anchor + 1, last + 1):
            way, rise = frame - anchor, values[frame] - values[anchor]
            if not low <= rise / way <= high:
                break
            slack = TOLERANCE * max(1.0, abs(values[frame]))
            low, high = max(low, (rise - slack) / way), min(high, (rise + slack) / way)
            end = frame
        found.append(end)
    # A level stretch after the last corner needs no key at its end.
    if len(found) > 1 and abs(values[found[-1]] - values[found[-2]]) <= TOLERANCE:
        found.pop()
    return found


def _clamp_expressions(written: Any, low: float, high: float) -> CurveValue | None:
    """Return `written` with every expression clamped to low..high; None if it is not text."""

    def clamp(text: str) -> str:
        return f"clamp({text}, {low:g}, {high:g})" if parse_number(text) is None else text

    return rewrite(written, clamp) if isinstance(written, str) else None


def fit_to_limits(written: Any, clock: Clock, low: float, high: float) -> tuple[Any, str]:
    """Return a curve whose values are all in low..high, and a message on what was corrected ('' if nothing).

    The curve is `written` itself, `written` with its expressions clamped, or the corrected values per frame.
    NaN is interpolated over, as Deforum does. Raises CurveError if `written` cannot be read.
    """
    values = sample_unchecked(written, clock, clock.signals())
    nowhere, outside = np.isnan(values), (values < low) | (values > high)
    if not (nowhere.any() or outside.any()):
        return written, ""
    if nowhere.all():
        raise CurveError("no value is a number")
    frames = np.arange(len(values))
    mended = np.interp(frames, frames[~nowhere], np.clip(values[~nowhere], low, high))
    clamped = _clamp_expressions(written, low, high)
    if clamped is not None and np.allclose(
        sample_unchecked(clamped, clock, clock.signals()), mended, rtol=0, atol=1e-9
    ):
        return clamped, f"{outside.sum()} values are limited to {low:g}..{high:g}"
    wrong = [f"{nowhere.sum()} values are not a number and are interpolated over"] if nowhere.any() else []
    wrong += [f"{outside.sum()} values are limited to {low:g}..{high:g}"] if outside.any() else []
    return compact(mended), " and ".join(wrong)
