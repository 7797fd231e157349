"""Strict YAML parser: text → plain data with the position of every value, and explanations of common mistakes.

Scalars follow YAML 1.2 although PyYAML implements 1.1: `16:9` and `1:30` are text, `1e-3` is a number, `010`
is ten, `on` and `no` are text. Schedule files are untrusted input: duplicate keys, anchors and tags are refused,
and size and nesting have limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from animator.errors import AnimatorError, Place, Problem, SceneError, SettingPath, one_line, quote_text

MAX_BYTES = 500_000  # a schedule file is a page of text; key strings for 20,000 frames still fit


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: nested dicts, lists and scalars, with positions; keys are text, exactly as written."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    places: Mapping[SettingPath, Place] = field(default_factory=dict)  # position of each value
    names: Mapping[SettingPath, Place] = field(default_factory=dict)  # position of each key
    problems: tuple[Problem, ...] = ()  # one for each refused value; `data` lacks these values

    def value_place(self, path: SettingPath) -> Place:
        """Return the position of the value at `path`, or of the nearest section around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file, 1, 1))

    def key_place(self, path: SettingPath) -> Place:
        """Return the position of the last key of `path`, or else of its value."""
        return self.names.get(path) or self.value_place(path)


def read_document(file: FilePath) -> Document:
    """Read a schedule file. Raises SceneError."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise SceneError([Problem(Place(str(file)), (), error.strerror or "cannot be read")]) from error
    if len(raw) > MAX_BYTES:
        size = f"{len(raw):,} bytes; a schedule file has at most {MAX_BYTES:,}"
        raise SceneError([Problem(Place(str(file)), (), size)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8 text; save the file as UTF-8"
        raise SceneError([Problem(Place(str(file)), (), message)]) from error
    return parse_document(text, str(file))


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text; `file` is its name in messages. Raises SceneError for text that is not YAML."""
    reader = _NodeReader(file, text)
    loader = None
    try:
        loader = StrictLoader(text)
        root = loader.get_single_node()
        data = {} if root is None else reader.value(root, ())
    except yaml.MarkedYAMLError as error:
        mark, message = explain_yaml_error(error, text)
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise SceneError([Problem(place, (), message)]) from error
    except (ValueError, OverflowError) as error:
        # PyYAML does not check an escape for no character, or a version of 5,000 digits.
        mark = loader.get_mark() if loader else None
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise SceneError([Problem(place, (), one_line(error))]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position].split("\n")
        message = (
            f"the character {chr(error.character)!a} is not allowed in YAML; write it in quotes, as an escape"
        )
        raise SceneError([Problem(Place(file, len(before), len(before[-1]) + 1), (), message)]) from error
    if not isinstance(data, dict):
        expected = Problem(Place(file, 1, 1), (), "expected settings such as 'prompts:' or 'motion:'")
        raise SceneError(reader.problems or [expected])
    return Document(file, data, reader.places, reader.names, tuple(reader.problems))


def parse_value(text: str) -> Any:
    """Parse the value of `--set a.b=value`: a number, keyframes in braces, or plain text."""
    try:
        document = parse_document(f"value: {text}\n", "--set")
    except AnimatorError:
        return text
    value = document.data.get("value")
    # YAML would cut text at " #" and at the end of its line, so only quotes are removed.
    plain = isinstance(value, str) and text.strip()[:1] not in ("'", '"')
    return text.strip() if plain or document.problems or set(document.data) != {"value"} else value


_REFUSED = object()  # placeholder of a refused value until it is dropped


class _NodeReader:
    """Converter of YAML nodes to data; it keeps positions and collects problems."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.places: dict[SettingPath, Place] = {}
        self.names: dict[SettingPath, Place] = {}
        self.problems: list[Problem] = []
        self.read_nodes: set[int] = set()  # ids of nodes read; a second visit means an alias

    def refuse(self, node: Any, path: SettingPath, message: str) -> Any:
        self.problems.append(Problem(self.place(node), path, message))
        return _REFUSED

    def place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def value(self, node: yaml.Node, path: SettingPath) -> Any:
        self.places[path] = self.place(node)
        if id(node) in self.read_nodes:
            return self.refuse(node, path, "anchors and aliases (& and *) are not allowed; write it out")
        self.read_nodes.add(id(node))
        kind = node.tag.removeprefix(TAG_PREFIX)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            items = [self.value(item, (*path, str(i))) for i, item in enumerate(node.value)]
            return [item for item in items if item is not _REFUSED]
        if isinstance(node, yaml.ScalarNode) and kind in SCALARS:
            return self.scalar(node, kind, path)
        return self.refuse(node, path, f"tag {quote_text(node.tag)} is not allowed")

    def scalar(self, node: yaml.ScalarNode, kind: str, path: SettingPath) -> Any:
        if any("\ud800" <= char <= "\udfff" for char in node.value):
            return self.refuse(
                node, path, "half of a surrogate pair is not a character; write the character itself"
            )
        if node.style is None and kind in ("null", "str"):
            color = explain_lost_color(self.text, node.end_mark.index, node.value)
            if color is not None:
                mark = node.end_mark
                place = Place(self.file, mark.line + 1, mark.column + 1 + color[0] - mark.index)
                self.problems.append(Problem(place, path, color[1]))
                return _REFUSED
        try:
            return SCALARS[kind](node.value)
        except ValueError:  # a number of 5,000 digits, or a tag that does not match the text
            return self.refuse(node, path, f"{quote_text(node.value)} is not a number")

    def mapping(self, node: yaml.MappingNode, path: SettingPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.refuse(
                    key_node, path, "a name must be plain text; does a value that starts with { need quotes?"
                )
                continue
            key = key_node.value
            if key in result:
                first = self.names[(*path, key)]
                self.refuse(key_node, (*path, key), f"written twice; first in line {first.line}")
                continue
            self.names[(*path, key)] = self.place(key_node)
            value = self.value(value_node, (*path, key))
            if value is not _REFUSED:
                result[key] = value
        return result


MAX_VALUES = 70_000  # names and values, one second of work for PyYAML; 10,000 keyframes with eases fit

MAX_NESTING = 100  # brackets and indents; PyYAML checks all open ones at every character


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's core schema for plain scalars, and with limits on size and nesting."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (an attribute of PyYAML)
    values = depth = 0

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        if self.flow_level >= MAX_NESTING:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=self.get_mark())
        super().fetch_flow_collection_start(token)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.values += 1
        self.depth += 1
        if self.values > MAX_VALUES or self.depth > MAX_NESTING:
            problem = _TOO_DEEP if self.depth > MAX_NESTING else _TOO_MANY
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_TOO_DEEP = f"nested too deeply; at most {MAX_NESTING} levels"

_TOO_MANY = f"more than {MAX_VALUES:,} names and values; long curves are shorter as key strings"


TAG_PREFIX = "tag:yaml.org,2002:"

for _tag, _pattern, _first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
]:
    StrictLoader.add_implicit_resolver(TAG_PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}


# YAML reads `#ff8800` after a space as a comment up to the end of the line. Real comments begin with "# ".
_COMMENT_COLOR = re.compile(r"[ \t]+(#(?:[0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})\b[^\r\n]*)")

_SETTING_LINE = re.compile(r"[\s-]*([^\s:'\"{}\[\]]+):[ \t]+(\S.*?)\s*")

_EXAMPLE = '"red, #ff8800"'

_HINT = f"put quotes round the whole text: {_EXAMPLE} (a comment has a space after its #)"

_MAX_EXAMPLE_LINE = 60  # characters of a line that a message repeats with quotes


def explain_lost_color(text: str, end: int, kept_text: str) -> tuple[int, str] | None:
    """Return the index of the # and a message if YAML cut `kept_text`, a plain value, at `end` before a colour."""
    match = _COMMENT_COLOR.match(text, end)
    if match is None:
        return None
    lost = match[1].rstrip()
    kept = f"only {quote_text(kept_text)} is left" if kept_text else "nothing is left"
    whole = f'"{kept_text} {lost}"' if kept_text else f'"{lost}"'
    example = whole if len(whole) <= _MAX_EXAMPLE_LINE and '"' not in kept_text + lost else _EXAMPLE
    return match.start(1), (
        f"YAML takes {quote_text(lost)} for a comment, and {kept}; {_HINT.replace(_EXAMPLE, example)}"
    )


def explain_yaml_error(error: yaml.MarkedYAMLError, text: str) -> tuple[yaml.Mark | None, str]:
    """Return position and message for a YAML syntax error, worded for users who do not know YAML's terms."""
    problem, mark = error.problem or "not YAML", error.problem_mark or error.context_mark
    if mark is None:
        return None, problem
    if (color := _explain_hidden_bracket(error, text)) is not None:
        return color
    line = [*text.splitlines()[: mark.line + 1], ""][mark.line]
    if "mapping values are not allowed" in problem:
        return mark, f"a value that holds ': ' needs quotes round it, {_quoted_example(line)}"
    if "but got ':'" in problem:
        return mark, f"a value that holds ': ' needs quotes round it, {_quoted_example('')}"
    if "cannot start any token" in problem and "'\\t'" in problem:
        return mark, "a tab; indent lines with spaces"
    if "cannot start any token" in problem:
        return mark, f"{problem}; put quotes round the value"
    if "found '<scalar>'" in problem and re.search(r"[:-] +[\[{]", line[: mark.column]):
        quotes = "a value that starts with [ or { needs quotes round all of it"
        return mark, f"text after a closing bracket; {quotes}"
    return mark, f"{problem} ({error.context})" if error.context else problem


def _quoted_example(line: str) -> str:
    """Return the user's line with the quotes added, or an example if that is not possible."""
    entry = _SETTING_LINE.fullmatch(line)
    if entry is None or len(line) > _MAX_EXAMPLE_LINE or '"' in entry[2] or "\\" in entry[2]:
        return 'as in zoom: "0: (1.0), 30: (1.04)"'
    return f'as in {entry[1]}: "{entry[2]}"'


def _explain_hidden_bracket(error: yaml.MarkedYAMLError, text: str) -> tuple[yaml.Mark, str] | None:
    """Return position and message if a colour hid a closing bracket: `{at: red #ff8800, travel: 3}`; else None."""
    first, last = error.context_mark, error.problem_mark
    if first is None or last is None or "flow" not in (error.context or ""):
        return None
    for match in _COMMENT_COLOR.finditer(text, first.index, last.index + 1):
        start = text.rfind("\n", 0, match.start()) + 1
        before = text[start : match.start()]
        if before.count('"') % 2 == before.count("'") % 2 == 0:
            at, line = match.start(1), text.count("\n", 0, match.start(1))
            message = f"YAML takes {quote_text(match[1].rstrip())} for a comment, brackets and all; {_HINT}"
            return yaml.Mark("", at, line, at - start, None, 0), message
    return None


def is_file(path: FilePath) -> bool:
    """Return whether `path` is a file; False for names that the OS rejects, such as too long ones."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False
