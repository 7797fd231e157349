"""What becomes of a value that needed quotes round it, and how it is to be written instead."""

from __future__ import annotations

import re

import yaml

from animator.errors import quoted

# `#ff8800` after a space: YAML takes it, and the rest of the line, for a comment. Comments begin with "# ".
_COLOR = re.compile(r"[ \t]+(#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})\b[^\r\n]*)")
_ENTRY = re.compile(r"[\s-]*([^\s:'\"{}\[\]]+):[ \t]+(\S.*?)\s*")
_EXAMPLE = '"red, #ff8800"'
_HINT = f"put quotes round the whole text: {_EXAMPLE} (a comment has a space after its #)"
_LONGEST = 60  # of a line that is shown again with quotes


def lost_color(text: str, end: int, left: str) -> tuple[int, str] | None:
    """What to say where a plain value, `left`, ends at `end` since a colour follows; and where the # stands."""
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
    """Where and what is wrong with text that is no YAML, told for those who never heard of flow mappings."""
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
        return mark, "a tab; lines are indented with spaces"
    if "cannot start any token" in problem:
        return mark, f"{problem}; put quotes round the value"
    if "found '<scalar>'" in problem and re.search(r"[:-] +[\[{]", line[: mark.column]):
        quotes = "a value that starts with [ or { needs quotes round all of it"
        return mark, f"text behind a closing bracket; {quotes}"
    return mark, f"{problem} ({error.context})" if error.context else problem


def _with_quotes(line: str) -> str:
    """The user's own line as it should be, or an example."""
    entry = _ENTRY.fullmatch(line)
    if entry is None or len(line) > _LONGEST or '"' in entry[2] or "\\" in entry[2]:
        return 'as in zoom: "0: (1.0), 30: (1.04)"'
    return f'as in {entry[1]}: "{entry[2]}"'


def _color_between(error: yaml.MarkedYAMLError, text: str) -> tuple[yaml.Mark, str] | None:
    """A colour that took the closing bracket along: `{at: red #ff8800, travel: 3}`."""
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
