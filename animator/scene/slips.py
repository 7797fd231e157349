"""Explain common YAML mistakes, such as unquoted colours, colons and tabs, with the corrected line."""

from __future__ import annotations

import re

import yaml

from animator.errors import quoted

# YAML reads `#ff8800` after a space as a comment up to the end of the line. Real comments begin with "# ".
_COLOR = re.compile(r"[ \t]+(#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})\b[^\r\n]*)")
_ENTRY = re.compile(r"[\s-]*([^\s:'\"{}\[\]]+):[ \t]+(\S.*?)\s*")
_EXAMPLE = '"red, #ff8800"'
_HINT = f"put quotes round the whole text: {_EXAMPLE} (a comment has a space after its #)"
_LONGEST = 60  # characters of a line that a message repeats with quotes


def lost_color(text: str, end: int, left: str) -> tuple[int, str] | None:
    """Return the index of the # and a message if YAML cut the plain value `left` at `end` because a colour follows."""
    match = _COLOR.match(text, end)
    if match is None:
        return None
    lost = match[1].rstrip()
    kept = f"only {quoted(left)} is left" if left else "nothing is left"
    whole = f'"{left} {lost}"' if left else f'"{lost}"'
    example = whole if len(whole) <= _LONGEST and '"' not in left + lost else _EXAMPLE
    return match.start(1), (
        f"YAML takes {quoted(lost)} for a comment, and {kept}; {_HINT.replace(_EXAMPLE, example)}"
    )


def syntax(error: yaml.MarkedYAMLError, text: str) -> tuple[yaml.Mark | None, str]:
    """Return position and message for a YAML syntax error, worded for users who do not know YAML's terms."""
    problem, mark = error.problem or "not YAML", error.problem_mark or error.context_mark
    if mark is None:
        return None, problem
    if (color := _color_between(error, text)) is not None:
        return color
    line = [*text.splitlines()[: mark.line + 1], ""][mark.line]
    if "mapping values are not allowed" in problem:
        return mark, f"a value that holds ': ' needs quotes round it, {_with_quotes(line)}"
    if "but got ':'" in problem:
        return mark, f"a value that holds ': ' needs quotes round it, {_with_quotes('')}"
    if "cannot start any token" in problem and "'\\t'" in problem:
        return mark, "a tab; indent lines with spaces"
    if "cannot start any token" in problem:
        return mark, f"{problem}; put quotes round the value"
    if "found '<scalar>'" in problem and re.search(r"[:-] +[\[{]", line[: mark.column]):
        quotes = "a value that starts with [ or { needs quotes round all of it"
        return mark, f"text after a closing bracket; {quotes}"
    return mark, f"{problem} ({error.context})" if error.context else problem


def _with_quotes(line: str) -> str:
    """Return the user's line with the quotes added, or an example if that is not possible."""
    entry = _ENTRY.fullmatch(line)
    if entry is None or len(line) > _LONGEST or '"' in entry[2] or "\\" in entry[2]:
        return 'as in zoom: "0: (1.0), 30: (1.04)"'
    return f'as in {entry[1]}: "{entry[2]}"'


def _color_between(error: yaml.MarkedYAMLError, text: str) -> tuple[yaml.Mark, str] | None:
    """Return position and message if a colour hid a closing bracket: `{at: red #ff8800, travel: 3}`; else None."""
    first, last = error.context_mark, error.problem_mark
    if first is None or last is None or "flow" not in (error.context or ""):
        return None
    for match in _COLOR.finditer(text, first.index, last.index + 1):
        start = text.rfind("\n", 0, match.start()) + 1
        before = text[start : match.start()]
        if before.count('"') % 2 == before.count("'") % 2 == 0:
            at, line = match.start(1), text.count("\n", 0, match.start(1))
            message = f"YAML takes {quoted(match[1].rstrip())} for a comment, brackets and all; {_HINT}"
            return yaml.Mark("", at, line, at - start, None, 0), message
    return None
