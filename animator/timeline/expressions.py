"""Python syntax tree → numexpr text, through an allowlist: any node that is not listed is refused.

Allowed are numbers, known names, FUNCTIONS, arithmetic, comparison and boolean operators, and the conditional
expression.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, nearest, quoted
from animator.timeline.clock import HEARD
from animator.timeline.functions import FUNCTIONS, WHERE, floor_divide, power, remainder

Floats = NDArray[np.float64]

_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
# Not numexpr's: with integers it crashes the process for one pair of operands, and gives 0 for x // 0.
_DIVISIONS = {ast.FloorDiv: floor_divide, ast.Mod: remainder}
_BITS = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}
# Names that exist only with another setting, and that setting.
_NEEDS = dict.fromkeys(HEARD, "a track: audio: {file: track.wav}") | dict.fromkeys(
    ("beat", "bpm"), "beats: bpm: 120, or audio: {file: track.wav} with an audible beat"
)
_COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class Step(NamedTuple):
    """An assignment to `name`: of numexpr `text`, or of `compute` applied to `args`, names and numbers."""

    name: str
    text: str
    compute: Callable[..., Floats] | None = None
    args: tuple[str, ...] = ()


class _Text(NamedTuple):
    """A piece of numexpr text and its type."""

    text: str
    truth: bool = False  # a comparison's result: numexpr's bool, which has no arithmetic


class Writer:
    """Translator of one syntax tree to numexpr text.

    A subexpression that the text uses more than once becomes a step of its own: repeated text would double with every
    nesting.
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
            if name in _NEEDS:
                raise CurveError(f"{name!r} needs {_NEEDS[name]}")
            raise CurveError(f"unknown name {quoted(name)}; {nearest(name, sorted(self.known - {'i'}))}")
        self.names.add(name)
        return name

    def binary(self, node: ast.BinOp) -> _Text:
        if type(node.op) in _DIVISIONS:
            terms = (self.bind(node.left), self.bind(node.right))
            return _Text(self.assign("", _DIVISIONS[type(node.op)], terms))
        left, right = self.write(node.left), self.write(node.right)
        if isinstance(node.op, ast.Add) and left.truth and right.truth:
            return _Text(f"({left.text} | {right.text})", True)  # numexpr adds two comparisons as "or"
        if type(node.op) in _BITS:
            truth = left.truth or right.truth
            a, b = (_truth(left), _truth(right)) if truth else (left.text, right.text)
            return _Text(f"({a} {_BITS[type(node.op)]} {b})", truth)
        if isinstance(node.op, ast.Pow):
            return _Text(power(_number(left), _number(right)))
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


def _number(written: _Text) -> str:
    """Return the text as a number: a comparison becomes 1 or 0."""
    return f"where({written.text}, 1, 0)" if written.truth else written.text


def _truth(written: _Text) -> str:
    """Return the text as a bool: a number is true unless it is 0."""
    return written.text if written.truth else f"({written.text} != 0)"


def _unknown(name: str) -> str:
    return f"unknown function {quoted(name)}; {nearest(name, [*FUNCTIONS, WHERE])}"


def _shown(node: ast.AST) -> str:
    """Return the source of `node` for a message, at most 40 characters."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return type(node).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."
