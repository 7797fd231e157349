"""Expression text → checked syntax tree → numexpr, over all frames at once.

numexpr's own sanitiser can be got round (until 2.14.3 text could be made to run code), so nothing reaches it
but text that this module has written itself from an allowlist of syntax: numbers, listed names, listed
functions, arithmetic, comparison and boolean operators, and the conditional expression.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, nearest, quoted
from animator.timeline.clock import Signals
from animator.timeline.functions import FUNCTIONS, WHERE

MAX_LENGTH = 10_000  # characters; the longest whole schedule among 97 public Deforum files has 4,198

Floats = NDArray[np.float64]

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"}
_BITS = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


# What numexpr raises for text that is sound but cannot be computed (RecursionError is a RuntimeError).
_FAILURES = (ArithmeticError, TypeError, ValueError, NotImplementedError, KeyError, RuntimeError, MemoryError)


class Step(NamedTuple):
    """One assignment: to `name`, of numexpr text, or of a function of our own applied to names and numbers."""

    name: str
    text: str
    compute: Callable[..., Floats] | None = None
    args: tuple[str, ...] = ()


class Program(NamedTuple):
    """A checked expression as assignments; the last one is the result."""

    steps: tuple[Step, ...]
    names: frozenset[str]


class _Text(NamedTuple):
    text: str
    truth: bool = False  # a comparison's result: numexpr's bool, which has no arithmetic of its own


class _Writer:
    """Writes a syntax tree as numexpr text.

    What numexpr text needs more than once becomes a step of its own: text that is repeated would double with
    every nesting.
    """

    def __init__(self, known: frozenset[str]) -> None:
        self.known = known
        self.steps: list[Step] = []
        self.names: set[str] = set()

    def number(self, node: ast.expr) -> str:
        return _number(self.write(node))

    def truth(self, node: ast.expr) -> str:
        return _truth(self.write(node))

    def write(self, node: ast.AST) -> _Text:
        match node:
            case ast.Constant(value=value) if type(value) in (int, float):
                return _Text(repr(value))
            case ast.Name(id=name):
                return _Text(self.name(name))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                sign = "-" if isinstance(node.op, ast.USub) else "+"
                return _Text(f"({sign}{self.number(operand)})")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _Text(f"(~{self.truth(operand)})", True)
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                text, truth = self.write(operand)
                return _Text(f"(~{text})", truth)
            case ast.BinOp():
                return self.binary(node)
            case ast.BoolOp(op=op, values=values):
                sign = " & " if isinstance(op, ast.And) else " | "
                return _Text(f"({sign.join(self.truth(value) for value in values)})", True)
            case ast.Compare():
                return self.compare(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.where(test, body, orelse)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(name, args)
        allowed = "numbers, names, functions and + - * / // % **"
        raise CurveError(f"{_shown(node)!r} is not allowed; write {allowed}")

    def name(self, name: str) -> str:
        if name in FUNCTIONS or name == WHERE:
            raise CurveError(f"{name!r} is a function; write {name}(…)")
        if name not in self.known:
            raise CurveError(f"unknown name {name!r}; {nearest(name, sorted(self.known - {'i'}))}")
        self.names.add(name)
        return name

    def binary(self, node: ast.BinOp) -> _Text:
        left, right = self.write(node.left), self.write(node.right)
        if type(node.op) in _BITS:
            truth = left.truth or right.truth
            a, b = (_truth(left), _truth(right)) if truth else (left.text, right.text)
            return _Text(f"({a} {_BITS[type(node.op)]} {b})", truth)
        if isinstance(node.op, ast.Pow):
            # A whole base would be computed in whole numbers: wrong past 2**63, and endless for 9**9**9**9.
            return _Text(f"((1.0 * {_number(left)}) ** {_number(right)})")
        if type(node.op) not in _ARITHMETIC:
            raise CurveError(f"operator in {_shown(node)!r} is not allowed; write + - * / // % **")
        return _Text(f"({_number(left)} {_ARITHMETIC[type(node.op)]} {_number(right)})")

    def compare(self, node: ast.Compare) -> _Text:
        write = self.bind if len(node.ops) > 1 else self.number
        terms = [write(term) for term in (node.left, *node.comparators)]
        parts = []
        for (left, right), op in zip(pairwise(terms), node.ops, strict=True):
            if type(op) not in _COMPARE:
                raise CurveError(f"comparison in {_shown(node)!r} is not allowed; write < <= > >= == !=")
            parts.append(f"({left} {_COMPARE[type(op)]} {right})")
        return _Text(f"({' & '.join(parts)})", True)

    def where(self, test: ast.expr, body: ast.expr, orelse: ast.expr) -> _Text:
        return _Text(f"where({self.truth(test)}, {self.number(body)}, {self.number(orelse)})")

    def call(self, name: str, args: list[ast.expr]) -> _Text:
        if name == WHERE and len(args) == 3:
            return self.where(*args)
        if name not in FUNCTIONS:
            raise CurveError("where takes 3 arguments" if name == WHERE else _unknown(name))
        function = FUNCTIONS[name]
        if not function.low <= len(args) <= function.high:
            wanted = f"{function.low}" if function.low == function.high else f"at least {function.low}"
            raise CurveError(f"{name} takes {wanted} argument{'s' * (wanted != '1')}, not {len(args)}")
        write = self.bind if function.repeats or function.compute else self.number
        written = [write(arg) for arg in args]
        if function.write is not None:
            return _Text(function.write(written))
        return _Text(self.assign("", function.compute, tuple(written)))

    def bind(self, node: ast.expr) -> str:
        """The number `node` as a name or a literal, which may be repeated freely."""
        text = self.number(node)
        if isinstance(node, ast.Constant | ast.Name):
            return text
        return self.assign(text)

    def assign(
        self, text: str, compute: Callable[..., Floats] | None = None, args: tuple[str, ...] = ()
    ) -> str:
        """Make a step of its own; returns its name."""
        self.steps.append(Step(f"_{len(self.steps)}", text, compute, args))
        return self.steps[-1].name


def _number(written: _Text) -> str:
    return f"where({written.text}, 1, 0)" if written.truth else written.text


def _truth(written: _Text) -> str:
    return written.text if written.truth else f"({written.text} != 0)"


def _unknown(name: str) -> str:
    return f"unknown function {name!r}; {nearest(name, [*FUNCTIONS, WHERE])}"


def _shown(node: ast.AST) -> str:
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."


@lru_cache(maxsize=4096)
def compile_expression(text: str, known: frozenset[str]) -> Program:
    """Check `text`, which may use the names `known`. Raises CurveError."""
    if len(text) > MAX_LENGTH:
        raise CurveError(f"an expression of {len(text):,} characters; at most {MAX_LENGTH:,}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        writer = _Writer(known)
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
    return Program((*writer.steps, Step("", result)), frozenset(writer.names))


def evaluate(text: str, signals: Signals, frames: int) -> NDArray[np.float64]:
    """The values of `text` on `frames` frames. The result may hold NaN or infinity. Raises CurveError."""
    program = compile_expression(text, frozenset(signals))
    values: dict[str, NDArray[np.generic]] = {name: signals[name] for name in program.names}
    try:
        with np.errstate(all="ignore"):
            for step in program.steps:
                values[step.name] = _run(step, values)
    except _FAILURES as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CurveError(f"cannot compute {quoted(text)}: {reason}") from error
    return np.array(np.broadcast_to(values[""], frames), dtype=np.float64)


def _run(step: Step, values: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    import numexpr

    if step.compute is not None:
        return step.compute(*(values[arg] if arg in values else np.array(float(arg)) for arg in step.args))
    # Both dictionaries are given: left out, numexpr reads this function's own variables.
    return np.asarray(numexpr.evaluate(step.text, local_dict=dict(values), global_dict={}))
