"""The functions an expression may call, and how each is written for numexpr."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

_ONE = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "exp", "expm1",
    "floor", "log", "log10", "log1p", "log2", "round", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip


class Function(NamedTuple):
    low: int  # fewest arguments
    high: int  # most arguments
    write: Callable[[list[str]], str]  # arguments as numexpr text → numexpr text
    repeats: bool = False  # `write` uses an argument more than once


def _call(name: str) -> Callable[[list[str]], str]:
    return lambda args: f"{name}({', '.join(args)})"


def _fold(name: str) -> Callable[[list[str]], str]:
    def write(args: list[str]) -> str:
        text = args[0]
        for arg in args[1:]:
            text = f"{name}({text}, {arg})"
        return text

    return write


FUNCTIONS: dict[str, Function] = {
    **{name: Function(1, 1, _call(name)) for name in _ONE},
    **{
        name: Function(2, 2, _call(name))
        for name in ("arctan2", "copysign", "fmod", "hypot", "maximum", "minimum")
    },
    "min": Function(2, 100, _fold("minimum")),
    "max": Function(2, 100, _fold("maximum")),
    "clamp": Function(3, 3, lambda a: f"minimum(maximum({a[0]}, {a[1]}), {a[2]})"),
    "lerp": Function(3, 3, lambda a: f"({a[0]} + ({a[1]} - {a[0]}) * {a[2]})", repeats=True),
    # Hermite smoothstep of x between two edges: 3u² - 2u³, u clamped to 0..1.
    "smoothstep": Function(3, 3, lambda a: _smoothstep(*a), repeats=True),
    "pow": Function(2, 2, lambda a: f"((1.0 * {a[0]}) ** {a[1]})"),
}
WHERE = "where"  # apart: its first argument is a condition


def _smoothstep(low: str, high: str, x: str) -> str:
    clamped = f"minimum(maximum(({x} - {low}) / (1.0 * ({high} - {low})), 0.0), 1.0)"
    return f"({clamped} * {clamped} * (3.0 - 2.0 * {clamped}))"
