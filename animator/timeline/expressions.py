"""Expressions: text → checked syntax tree → numexpr, over all frames at once.

numexpr's own sanitiser can be bypassed (before 2.14.3 a text could run code), so numexpr receives only text that
`NumexprWriter` has generated from the checked tree. Allowed are numbers, known names, FUNCTIONS, arithmetic,
comparison and boolean operators, and the conditional expression; any node that is not listed is refused.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text, suggest
from animator.timeline.clock import AUDIO_SIGNALS, Signals
from animator.timeline.expression_functions import (
    FUNCTIONS,
    ONE_NAME,
    WHERE,
    Floats,
    floor_divide,
    power_text,
    remainder,
)

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}

# Not numexpr's: with integers it crashes the process for one pair of operands, and gives 0 for x // 0.
_DIVISIONS = {ast.FloorDiv: floor_divide, ast.Mod: remainder}

_BITS = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}

# Names that exist only with another setting, and that setting.
_REQUIRED_SETTINGS = dict.fromkeys(AUDIO_SIGNALS, "a track: audio: {file: track.wav}") | dict.fromkeys(
    ("beat", "bpm"), "beats: bpm: 120, or audio: {file: track.wav} with an audible beat"
)

_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class Step(NamedTuple):
    """An assignment to `name`: of numexpr `text`, or of `compute` applied to `args`, names and numbers."""

    name: str
    text: str
    compute: Callable[..., Floats] | None = None
    args: tuple[str, ...] = ()


class _Fragment(NamedTuple):
    """A piece of numexpr text and its type."""

    text: str
    truth: bool = False  # a comparison's result: numexpr's bool, which has no arithmetic


class NumexprWriter:
    """Translator of one syntax tree to numexpr text.

    A subexpression that the text uses more than once becomes a step of its own: repeated text would double with every
    nesting.
    """

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.steps: list[Step] = []
        self.names: set[str] = set()

    def number(self, node: ast.expr) -> str:
        return _as_number(self.write(node))

    def truth(self, node: ast.expr) -> str:
        return _as_truth(self.write(node))

    def write(self, node: ast.AST) -> _Fragment:
        match node:
            case ast.Constant(value=value) if type(value) in (int, float):
                return _Fragment(repr(value))
            case ast.Name(id=name):
                return _Fragment(self.name(name))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                sign = "-" if isinstance(node.op, ast.USub) else "+"
                return _Fragment(f"({sign}{self.number(operand)})")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _Fragment(f"(~{self.truth(operand)})", True)
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                text, truth = self.write(operand)
                return _Fragment(f"(~{text})", truth)
            case ast.BinOp():
                return self.binary(node)
            case ast.BoolOp(op=op, values=values):
                sign = " & " if isinstance(op, ast.And) else " | "
                return _Fragment(f"({sign.join(self.truth(value) for value in values)})", True)
            case ast.Compare():
                return self.compare(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.where(test, body, orelse)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(name, args)
        allowed = "numbers, names, functions and + - * / // % **"
        raise CurveError(f"{_excerpt(node)!r} is not allowed; write {allowed}")

    def name(self, name: str) -> str:
        if name in FUNCTIONS or name == WHERE:
            raise CurveError(f"{name!r} is a function; write {name}(…)")
        if name not in self.known:
            if name in _REQUIRED_SETTINGS:
                raise CurveError(f"{name!r} needs {_REQUIRED_SETTINGS[name]}")
            raise CurveError(f"unknown name {quote_text(name)}; {suggest(name, sorted(self.known - {'i'}))}")
        self.names.add(name)
        return name

    def binary(self, node: ast.BinOp) -> _Fragment:
        if type(node.op) in _DIVISIONS:
            terms = (self.bind(node.left), self.bind(node.right))
            return _Fragment(self.assign("", _DIVISIONS[type(node.op)], terms))
        left, right = self.write(node.left), self.write(node.right)
        if isinstance(node.op, ast.Add) and left.truth and right.truth:
            return _Fragment(f"({left.text} | {right.text})", True)  # numexpr adds two comparisons as "or"
        if type(node.op) in _BITS:
            truth = left.truth or right.truth
            a, b = (_as_truth(left), _as_truth(right)) if truth else (left.text, right.text)
            return _Fragment(f"({a} {_BITS[type(node.op)]} {b})", truth)
        if isinstance(node.op, ast.Pow):
            return _Fragment(power_text(_as_number(left), _as_number(right)))
        if type(node.op) not in _ARITHMETIC:
            raise CurveError(f"operator in {_excerpt(node)!r} is not allowed; write + - * / // % **")
        return _Fragment(f"({_as_number(left)} {_ARITHMETIC[type(node.op)]} {_as_number(right)})")

    def compare(self, node: ast.Compare) -> _Fragment:
        write = self.bind if len(node.ops) > 1 else self.number
        terms = [write(term) for term in (node.left, *node.comparators)]
        parts = []
        for (left, right), op in zip(pairwise(terms), node.ops, strict=True):
            if type(op) not in _COMPARISONS:
                raise CurveError(f"comparison in {_excerpt(node)!r} is not allowed; write < <= > >= == !=")
            parts.append(f"({left} {_COMPARISONS[type(op)]} {right})")
        return _Fragment(f"({' & '.join(parts)})", True)

    def where(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> _Fragment:
        return _Fragment(f"where({self.truth(test)}, {self.number(body)}, {self.number(orelse)})")

    def call(self, name: str, args: list[ast.expr]) -> _Fragment:
        if name == WHERE and len(args) == 3:
            return self.where(*args)
        if name not in FUNCTIONS:
            raise CurveError("where takes 3 arguments" if name == WHERE else _unknown_function(name))
        function = FUNCTIONS[name]
        if not function.low <= len(args) <= function.high:
            wanted = f"{function.low}" if function.low == function.high else f"at least {function.low}"
            raise CurveError(f"{name} takes {wanted} argument{'s' * (wanted != '1')}, not {len(args)}")
        write = self.bind if function.repeats or function.compute else self.number
        written = [write(arg) for arg in args]
        if function.write is not None:
            return _Fragment(function.write(written))
        return _Fragment(self.assign("", function.compute, tuple(written)))

    def bind(self, node: ast.expr) -> str:
        """Return the number `node` as a name or a literal, which may be repeated without cost."""
        text = self.number(node)
        if isinstance(node, ast.Constant | ast.Name):
            return text
        return self.assign(text)

    def assign(
        self, text: str, compute: Callable[..., Floats] | None = None, args: tuple[str, ...] = ()
    ) -> str:
        """Add a step and return its name."""
        self.steps.append(Step(f"_{len(self.steps)}", text, compute, args))
        return self.steps[-1].name


def _as_number(written: _Fragment) -> str:
    """Return the text as a number: a comparison becomes 1 or 0."""
    return f"where({written.text}, 1, 0)" if written.truth else written.text


def _as_truth(written: _Fragment) -> str:
    """Return the text as a bool: a number is true unless it is 0."""
    return written.text if written.truth else f"({written.text} != 0)"


def _unknown_function(name: str) -> str:
    return f"unknown function {quote_text(name)}; {suggest(name, [*FUNCTIONS, WHERE])}"


def _excerpt(node: ast.AST) -> str:
    """Return the source of `node` for a message, at most 40 characters."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."


MAX_EXPRESSION_LENGTH = 10_000  # characters; the longest schedule in 97 public Deforum files has 4,198


# numexpr raises these for a valid text that it cannot compute (RecursionError is a RuntimeError).
_NUMEXPR_ERRORS = (
    ArithmeticError,
    TypeError,
    ValueError,
    NotImplementedError,
    KeyError,
    RuntimeError,
    MemoryError,
)


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
    if len(text) > MAX_EXPRESSION_LENGTH:
        raise CurveError(f"an expression of {len(text):,} characters; at most {MAX_EXPRESSION_LENGTH:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # Python warns of `1if t else 2`, which is valid
            tree = ast.parse(text, mode="eval").body
        writer = NumexprWriter(known)
        result = writer.number(tree)
    except SyntaxError as error:
        where = f" at character {error.offset}" if error.offset else ""
        raise CurveError(f"cannot read {quote_text(text)}{where}: {error.msg}") from error
    except (RecursionError, MemoryError, ValueError) as error:
        raise CurveError(
            f"cannot read {quote_text(text)}: nested too deeply or with a forbidden character"
        ) from error
    except CurveError as error:
        raise CurveError(f"{error} (in {quote_text(text)})") from error
    if not writer.steps or result != writer.steps[-1].name:
        writer.assign(result)
    return Program(tuple(writer.steps), frozenset(writer.names))


def evaluate(text: str, signals: Signals, frames: int) -> NDArray[np.float64]:
    """Return the value of `text` on every frame, float64 (frames,), NaN and infinity included. Raises CurveError."""
    program = compile_expression(text, frozenset(signals))
    values: dict[str, NDArray[np.generic]] = {name: signals[name] for name in program.names}
    values[ONE_NAME] = np.array(1.0)
    try:
        with np.errstate(all="ignore"):
            for step in program.steps:
                values[step.name] = _run_step(step, values)
    except _NUMEXPR_ERRORS as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CurveError(f"cannot compute {quote_text(text)}: {reason}") from error
    return np.array(np.broadcast_to(values[program.steps[-1].name], frames), dtype=np.float64)


def _run_step(step: Step, values: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    import numexpr

    if step.compute is not None:
        return step.compute(
            *(values[arg] if arg in values else np.array(_parse_literal(arg)) for arg in step.args)
        )
    # Without both dictionaries numexpr reads the variables of this function.
    return np.asarray(numexpr.evaluate(step.text, local_dict=dict(values), global_dict={}))


def _parse_literal(text: str) -> int | float:
    """Return the number that `text` is: an int if it is written as one and a float holds it exactly, else a float."""
    value = float(text)
    return int(value) if text.isdecimal() and value < 2**53 else value
