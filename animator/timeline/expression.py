"""Expression text → checked syntax tree → numexpr, over all frames at once.

numexpr's own sanitiser can be bypassed (before 2.14.3 a text could run code), so numexpr receives only text that
`Writer` has generated from the checked tree.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quoted
from animator.timeline.clock import Signals
from animator.timeline.expressions import Step, Writer
from animator.timeline.functions import ONE

MAX_LENGTH = 10_000  # characters; the longest schedule in 97 public Deforum files has 4,198

# numexpr raises these for a valid text that it cannot compute (RecursionError is a RuntimeError).
_FAILURES = (ArithmeticError, TypeError, ValueError, NotImplementedError, KeyError, RuntimeError, MemoryError)


class Program(NamedTuple):
    """A checked expression as assignments; the last one is the result."""

    steps: tuple[Step, ...]
    names: frozenset[str]


@lru_cache(maxsize=4096)
def compile_expression(text: str, known: frozenset[str]) -> Program:
    """Parse and check `text`, which may use the names `known`, and return its program. Raises CurveError."""
    text = " ".join(text.split())
    if not text:
        raise CurveError("an empty text is not a value; write a number or an expression")
    if len(text) > MAX_LENGTH:
        raise CurveError(f"an expression of {len(text):,} characters; at most {MAX_LENGTH:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # Python warns of `1if t else 2`, which is valid
            tree = ast.parse(text, mode="eval").body
        writer = Writer(known)
        result = writer.number(tree)
    except SyntaxError as error:
        where = f" at character {error.offset}" if error.offset else ""
        raise CurveError(f"cannot read {quoted(text)}{where}: {error.msg}") from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise CurveError(
            f"cannot read {quoted(text)}: nested too deeply or with a forbidden character"
        ) from error
    except CurveError as error:
        raise CurveError(f"{error} (in {quoted(text)})") from error
    if not writer.steps or result != writer.steps[-1].name:
        writer.assign(result)
    return Program(tuple(writer.steps), frozenset(writer.names))


def evaluate(text: str, signals: Signals, frames: int) -> NDArray[np.float64]:
    """Return the value of `text` on every frame, float64 (frames,), NaN and infinity included. Raises CurveError."""
    program = compile_expression(text, frozenset(signals))
    values: dict[str, NDArray[np.generic]] = {name: signals[name] for name in program.names}
    values[ONE] = np.array(1.0)
    try:
        with np.errstate(all="ignore"):
            for step in program.steps:
                values[step.name] = _run(step, values)
    except _FAILURES as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CurveError(f"cannot compute {quoted(text)}: {reason}") from error
    return np.array(np.broadcast_to(values[program.steps[-1].name], frames), dtype=np.float64)


def _run(step: Step, values: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    import numexpr

    if step.compute is not None:
        return step.compute(*(values[arg] if arg in values else np.array(_literal(arg)) for arg in step.args))
    # Without both dictionaries numexpr reads the variables of this function.
    return np.asarray(numexpr.evaluate(step.text, local_dict=dict(values), global_dict={}))


def _literal(text: str) -> int | float:
    """Return the number that `text` is: an int if it is written as one and a float holds it exactly, else a float."""
    value = float(text)
    return int(value) if text.isdecimal() and value < 2**53 else value
