"""The functions an expression may call: written for numexpr where it has them, computed by numpy where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.timeline import easing

Floats = NDArray[np.float64]

_ONE = (
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "exp", "expm1",
    "floor", "log", "log10", "log1p", "log2", "round", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip
_TWO = ("arctan2", "copysign", "fmod", "hypot", "maximum", "minimum")


ONE = "_one"  # a variable of that value


class Function(NamedTuple):
    low: int  # fewest arguments
    high: int  # most arguments
    write: Callable[[list[str]], str] | None = None  # arguments as numexpr text → numexpr text
    compute: Callable[..., Floats] | None = None  # or: arguments as arrays → array
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


def power(base: str, exponent: str) -> str:
    """A power as numexpr text.

    A whole base would be computed in whole numbers: wrong past 2**63, and endless for 9**9**9**9. One is a
    variable: of two plain numbers numexpr would leave the power to Python, which makes (-1)**0.5 complex.
    """
    return f"(({ONE} * {base}) ** {exponent})"


def _smoothstep(low: str, high: str, x: str) -> str:
    """Hermite smoothstep of x between two edges: 3u² - 2u³, u clamped to 0..1."""
    u = f"minimum(maximum(({x} - {low}) / (1.0 * ({high} - {low})), 0.0), 1.0)"
    return f"({u} * {u} * (3.0 - 2.0 * {u}))"


def _phase(x: Floats, period: Floats) -> Floats:
    """How far x is in its period, 0..1."""
    turns = x / period
    return np.asarray(turns - np.floor(turns))


def _tri(x: Floats, period: Floats) -> Floats:
    """As a sine with straight sides: 0 at the start, 1 after a quarter, -1 after three."""
    return np.asarray(1.0 - np.abs(4.0 * _phase(x + period / 4.0, period) - 2.0))


def _saw(x: Floats, period: Floats) -> Floats:
    """From -1 up to 1, then down at once."""
    return 2.0 * _phase(x, period) - 1.0


def _square(x: Floats, period: Floats) -> Floats:
    """1 in the first half of the period, -1 in the second."""
    return np.where(_phase(x, period) < 0.5, 1.0, -1.0)


def _pulse(x: Floats, period: Floats, part: Floats | float = 0.1) -> Floats:
    """1 in the first `part` of the period (a tenth unless said), else 0."""
    return np.where(_phase(x, period) < part, 1.0, 0.0)


def _noise(x: Floats, seed: Floats | float = 0.0) -> Floats:
    """Smooth, deterministic noise in -1..1: random heights at whole x, joined by 6u⁵ - 15u⁴ + 10u³."""
    x, seed = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(seed, np.float64))
    whole = np.floor(x)
    u = x - whole
    fade = u * u * u * (u * (u * 6.0 - 15.0) + 10.0)
    before, after = _height(whole, seed), _height(whole + 1.0, seed)
    return np.asarray(before + (after - before) * fade)


def _height(whole: Floats, seed: Floats) -> Floats:
    """A random number in -1..1 for every pair of whole numbers, by splitmix64's mixing (Steele et al. 2014)."""
    with np.errstate(over="ignore", invalid="ignore"):
        bits = whole.astype(np.int64).astype(np.uint64) + seed.astype(np.int64).astype(np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) / 2**52 - 1.0)


def floor_divide(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Python's a // b."""
    return np.floor(np.asarray(a, np.float64) / np.asarray(b, np.float64))


def remainder(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Deforum's a % b, with the sign of b: of whole numbers exactly, of others by numexpr's own formula."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"
    return np.asarray(np.mod(x, y) if whole else x - np.floor(x / y) * y)


def _eased(name: str) -> Callable[[Floats], Floats]:
    """An easing as a function of 0..1; outside it stays at its ends."""
    return lambda x: easing.EASINGS[name](np.clip(np.asarray(x, np.float64), 0.0, 1.0))


FUNCTIONS: dict[str, Function] = {
    **{name: Function(1, 1, _call(name)) for name in _ONE},
    **{name: Function(2, 2, _call(name)) for name in _TWO},
    "min": Function(2, 100, _fold("minimum")),
    "max": Function(2, 100, _fold("maximum")),
    "clamp": Function(3, 3, lambda a: f"minimum(maximum({a[0]}, {a[1]}), {a[2]})"),
    "lerp": Function(3, 3, lambda a: f"({a[0]} + ({a[1]} - {a[0]}) * {a[2]})", repeats=True),
    "smoothstep": Function(3, 3, lambda a: _smoothstep(*a), repeats=True),
    "pow": Function(2, 2, lambda a: power(*a)),
    "tri": Function(2, 2, compute=_tri),
    "saw": Function(2, 2, compute=_saw),
    "square": Function(2, 2, compute=_square),
    "pulse": Function(2, 3, compute=_pulse),
    "noise": Function(1, 2, compute=_noise),
    # An expression has no hyphens in its names: in-out-sine is in_out_sine(x).
    **{name.replace("-", "_"): Function(1, 1, compute=_eased(name)) for name in easing.EASINGS},
}
WHERE = "where"  # apart: its first argument is a condition
