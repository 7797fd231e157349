"""Strict YAML parser: text → plain data with the position of every value.

Scalars follow YAML 1.2 although PyYAML implements 1.1: `16:9` and `1:30` are text, `1e-3` is a number, `010`
is ten, `on` and `no` are text. Duplicate keys, anchors and tags are refused: schedule files are untrusted input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from animator.errors import AnimatorError, Path, Place, Problem, SceneError, quoted
from animator.scene.slips import lost_color, syntax
from animator.scene.strict import PREFIX, SCALARS, Strict

MAX_BYTES = 500_000  # a schedule file is a page of text; key strings for 20,000 frames still fit


@dataclass(frozen=True)
class Document:
    """A parsed YAML file: nested dicts, lists and scalars, with positions; keys are text, exactly as written."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    places: Mapping[Path, Place] = field(default_factory=dict)  # position of each value
    names: Mapping[Path, Place] = field(default_factory=dict)  # position of each key
    problems: tuple[Problem, ...] = ()  # one for each refused value; `data` lacks these values

    def place(self, path: Path) -> Place:
        """Return the position of the value at `path`, or of the nearest section around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file, 1, 1))

    def name(self, path: Path) -> Place:
        """Return the position of the last key of `path`, or else of its value."""
        return self.names.get(path) or self.place(path)


def read(file: FilePath) -> Document:
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
    return parse(text, str(file))


def parse(text: str, file: str) -> Document:
    """Parse YAML text; `file` is its name in messages. Raises SceneError for text that is not YAML."""
    reader = _Reader(file, text)
    loader = None
    try:
        loader = Strict(text)
        root = loader.get_single_node()
        data = {} if root is None else reader.value(root, ())
    except yaml.MarkedYAMLError as error:
        mark, message = syntax(error, text)
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise SceneError([Problem(place, (), message)]) from error
    except (ValueError, OverflowError) as error:
        # PyYAML does not check an escape for no character, or a version of 5,000 digits.
        mark = loader.get_mark() if loader else None
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        raise SceneError([Problem(place, (), " ".join(str(error).split()))]) from error
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
        document = parse(f"value: {text}\n", "--set")
    except AnimatorError:
        return text
    value = document.data.get("value")
    # YAML would cut text at " #" and at the end of its line, so only quotes are removed.
    plain = isinstance(value, str) and text.strip()[:1] not in ("'", '"')
    return text.strip() if plain or document.problems or set(document.data) != {"value"} else value


_REFUSED = object()  # placeholder of a refused value until it is dropped


class _Reader:
    """Converter of YAML nodes to data; it keeps positions and collects problems."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.places: dict[Path, Place] = {}
        self.names: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.seen: set[int] = set()  # ids of nodes read; a second visit means an alias

    def refuse(self, node: Any, path: Path, message: str) -> Any:
        self.problems.append(Problem(self.place(node), path, message))
        return _REFUSED

    def place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.places[path] = self.place(node)
        if id(node) in self.seen:
            return self.refuse(node, path, "anchors and aliases (& and *) are not allowed; write it out")
        self.seen.add(id(node))
        kind = node.tag.removeprefix(PREFIX)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            items = [self.value(item, (*path, str(i))) for i, item in enumerate(node.value)]
            return [item for item in items if item is not _REFUSED]
        if isinstance(node, yaml.ScalarNode) and kind in SCALARS:
            return self.scalar(node, kind, path)
        return self.refuse(node, path, f"tag {quoted(node.tag)} is not allowed")

    def scalar(self, node: yaml.ScalarNode, kind: str, path: Path) -> Any:
        if any("\ud800" <= char <= "\udfff" for char in node.value):
            return self.refuse(
                node, path, "half of a surrogate pair is not a character; write the character itself"
            )
        if node.style is None and kind in ("null", "str"):
            color = lost_color(self.text, node.end_mark.index, node.value)
            if color is not None:
                mark = node.end_mark
                place = Place(self.file, mark.line + 1, mark.column + 1 + color[0] - mark.index)
                self.problems.append(Problem(place, path, color[1]))
                return _REFUSED
        try:
            return SCALARS[kind](node.value)
        except ValueError:  # a number of 5,000 digits, or a tag that does not match the text
            return self.refuse(node, path, f"{quoted(node.value)} is not a number")

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
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
