"""Check which expressions Deforum evaluates as this program does."""

from __future__ import annotations

import ast

from animator.timeline.curves import Key

# numexpr functions of one argument: Deforum splits its schedules at every comma, so others cannot be written.
FUNCTIONS = {
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "exp", "expm1",
    "floor", "log", "log10", "log1p", "sin", "sinh", "sqrt", "tan", "tanh",
}  # fmt: skip
NAMES = {"t", "s", "max_f", *FUNCTIONS}
ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Constant, ast.Load, ast.operator,
    ast.unaryop, ast.cmpop,
)  # fmt: skip
REFUSED = (ast.FloorDiv, ast.MatMult, ast.LShift, ast.RShift, ast.Not, ast.In, ast.NotIn, ast.Is, ast.IsNot)


def readable(key: Key) -> bool:
    """Return True if Deforum evaluates a key's value as this program does."""
    if isinstance(key.value, float):
        return True
    try:
        tree = ast.parse(key.value, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(_same_there(node) for node in ast.walk(tree))


def _same_there(node: ast.AST) -> bool:
    """Return True if a node of an expression means the same in Deforum."""
    match node:
        case ast.Name(id=name):
            return name in NAMES
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Call(args=args, keywords=named):
            return len(args) == 1 and not named
        case ast.Compare(ops=ops):
            return len(ops) == 1 and not isinstance(ops[0], REFUSED)
        case ast.BinOp(op=ast.Pow(), left=base, right=power):
            # Deforum keeps integers: their powers overflow past 2**63, and negative powers fail.
            return isinstance(power, ast.Constant) and (power.value in (2, 3) or _fraction(base))
    return isinstance(node, ALLOWED) and not isinstance(node, REFUSED)


def _fraction(node: ast.expr) -> bool:
    """Return True if a node is computed in floating point, whatever its operands."""
    parts = list(ast.walk(node))
    return any(isinstance(part, ast.Call | ast.Div) for part in parts) or any(
        isinstance(part, ast.Constant) and isinstance(part.value, float) for part in parts
    )
