"""YAML loader with YAML 1.2 scalars and limits on size and nesting, as schedule files are untrusted input."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

MAX_VALUES = 70_000  # names and values, one second of work for PyYAML; 10,000 keyframes with eases fit
MAX_NESTING = 100  # brackets and indents; PyYAML checks all open ones at every character


class Strict(yaml.SafeLoader):
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


PREFIX = "tag:yaml.org,2002:"
for _tag, _pattern, _first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
]:
    Strict.add_implicit_resolver(PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), _first)

SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}
