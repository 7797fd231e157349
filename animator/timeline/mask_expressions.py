"""Mask expressions: `!product & (paper | shadow)` → a tree of mask names and operators.

Precedence, highest first: brackets; `!` (not); `&` (both) and `-` (without); `^` (one but not both); `|` (either).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from animator.errors import CurveError, suggest

MAX_LENGTH = 500  # characters
MAX_DEPTH = 50  # levels of brackets
_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z_0-9]*)|([!&|^()-]))")


class MaskOp(NamedTuple):
    """An operator and the masks it combines: one for `!`, two for every other."""

    operator: str
    operands: tuple[MaskExpression, ...]


MaskExpression = str | MaskOp  # the name of a mask, or a combination of masks


def parse_mask_expression(text: str, known: Collection[str]) -> MaskExpression:
    """Parse `text`, which may name the masks `known`. Raises CurveError, whose message has the column of the error."""
    if len(text) > MAX_LENGTH:
        raise CurveError(f"{len(text):,} characters; at most {MAX_LENGTH}")
    return _Parser(text, known).parse_all()


class _Parser:
    """Recursive-descent parser of one mask expression."""

    def __init__(self, text: str, known: Collection[str]) -> None:
        self.text, self.known, self.depth = text, known, 0
        self.tokens = list(self._tokens())  # each a text and its column, counted from 1
        self.at = 0

    def _tokens(self) -> list[tuple[str, int]]:
        found, place, end = [], 0, len(self.text.rstrip())
        while place < end:
            match = _TOKEN.match(self.text, place)
            if match is None:
                place += len(self.text[place:]) - len(self.text[place:].lstrip())
                raise self.error(
                    f"{self.text[place]!r} is neither a mask nor one of ! & | ^ - ( )", place + 1
                )
            found.append((match[1] or match[2], match.end() - len(match[1] or match[2]) + 1))
            place = match.end()
        return [*found, ("", end + 1)]

    def error(self, message: str, column: int, hint: str = "") -> CurveError:
        return CurveError(f"{message}, at column {column}{hint} (in {self.text!r})")

    def parse_all(self) -> MaskExpression:
        words = self.parse_or()
        token, column = self.tokens[self.at]
        if token == ")":
            raise self.error("')' without its '('", column)
        if token:
            raise self.error(f"expected one of & | ^ - between masks, not {token!r}", column)
        return words

    def parse_or(self) -> MaskExpression:
        return self.parse_chain("|", self.parse_xor)

    def parse_xor(self) -> MaskExpression:
        return self.parse_chain("^", self.parse_and)

    def parse_and(self) -> MaskExpression:
        return self.parse_chain("&-", self.parse_unary)

    def parse_chain(self, signs: str, read: Callable[[], MaskExpression]) -> MaskExpression:
        """Parse masks joined by any of `signs`, grouped from the left; `read` parses one of them."""
        words = read()
        while (sign := self.tokens[self.at][0]) and sign in signs:
            self.at += 1
            words = MaskOp(sign, (words, read()))
        return words

    def parse_unary(self) -> MaskExpression:
        turned = False
        while self.tokens[self.at][0] == "!":
            turned, self.at = not turned, self.at + 1
        token, column = self.tokens[self.at]
        self.at += 1
        words = self.parse_brackets(column) if token == "(" else self.check_name(token, column)
        return MaskOp("!", (words,)) if turned else words

    def parse_brackets(self, column: int) -> MaskExpression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"brackets nested more than {MAX_DEPTH} deep", column)
        words = self.parse_or()
        if self.tokens[self.at][0] != ")":
            raise self.error("'(' without its ')'", column)
        self.at, self.depth = self.at + 1, self.depth - 1
        return words

    def check_name(self, token: str, column: int) -> str:
        if not token or not (token[0].isalpha() or token[0] == "_"):
            raise self.error(f"a mask is missing{f' before {token!r}' if token else ''}", column)
        if token not in self.known:
            raise self.error(f"unknown mask {token!r}", column, f"; {suggest(token, self.known)}")
        return token
