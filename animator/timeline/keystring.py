"""Parser of Deforum's key strings, `0:(1.0), 30:(2*sin(t/10))`, which respects brackets and quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from animator.errors import CurveError, quoted

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SIGN = re.compile(r"[\"'()\[\]{}:,]")
_OPEN, _CLOSE = "([{", ")]}"
_MAX_NESTING = 100
_LONGEST_NUMBER = 80
_LONGEST = 500_000  # characters, the limit of a whole schedule file


def number(text: str) -> float | None:
    """Return the number that `text` is, in any brackets and spaces, with at most one sign (`-(1e-3)`); else None."""
    if len(text) > _LONGEST_NUMBER:
        return None
    sign, text = 1.0, _bare(text)
    if text[:1] in ("-", "+") and not _NUMBER.fullmatch(text):
        sign = -1.0 if text[0] == "-" else 1.0
        text = _bare(text[1:])
        if text[:1] in ("-", "+"):
            return None  # Deforum also takes -(-1) for a formula
    return sign * float(text) if _NUMBER.fullmatch(text) else None


def split_keys(text: str) -> list[tuple[str, str]] | None:
    """Return the (key, value) pairs of a key string, as text; None if `text` is an expression. Raises CurveError."""
    if len(text) > _LONGEST:
        raise CurveError(f"a text of {len(text):,} characters; at most {_LONGEST:,}")
    parts = [(part, list(_split(part, ":"))) for part in _split(text, ",")]
    if all(len(pieces) == 1 for _, pieces in parts):
        return None
    if not parts[-1][0].strip():
        parts.pop()  # a comma at the end
    pairs = []
    for part, (key, *values) in parts:
        if len(values) != 1 or not key.strip() or not _bare(values[0]):
            raise CurveError(f"{quoted(part.strip())} is not a key with a value; write 0:(1.0), 30:(1.04)")
        pairs.append((_bare(key), _bare(values[0])))
    return pairs


def _split(text: str, separator: str) -> Iterator[str]:
    """Yield the parts of `text` between separators outside brackets and quotes. Raises CurveError."""
    start, depth, quote = 0, list[str](), ""
    for match in _SIGN.finditer(text):
        at, char = match.start(), match[0]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPEN:
            depth.append(char)
        elif char in _CLOSE:
            if not depth or _OPEN.index(depth.pop()) != _CLOSE.index(char):
                raise CurveError(f"{char!r} at character {at + 1} closes nothing")
        elif char == separator and not depth:
            yield text[start:at]
            start = at + 1
        if len(depth) > _MAX_NESTING:
            raise CurveError(f"brackets nested more than {_MAX_NESTING} deep")
    if depth or quote:
        raise CurveError(f"{depth[-1] if depth else quote!r} is never closed")
    yield text[start:]


def _bare(text: str) -> str:
    """Return `text` without the spaces, quotes and brackets that enclose all of it."""
    text = text.strip()
    while len(text) > 1 and (text[0] + text[-1] in ("()", '""', "''")) and _encloses(text):
        text = text[1:-1].strip()
    return text


def _encloses(text: str) -> bool:
    """Return True if the last character closes the first one: True for `(1)`, False for `(1)*(2)`."""
    if text[0] in "\"'":
        return text.find(text[0], 1) == len(text) - 1
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at == len(text) - 1
    return False
