"""Substitute `{name}` in the texts of a document; `{{` and `}}` are literal braces."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from animator.errors import Path, Problem, nearest, quoted
from animator.scene.declared import settled
from animator.scene.parse import Document

MAX_VARIABLE = 1_000  # characters; SDXL reads only a few hundred of a prompt
MAX_FILLED = 1_000_000  # characters that variables add to a whole file
_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fill(document: Document) -> Document:
    """Return `document` with every `{name}` in its texts replaced by the value of that variable, and with problems."""
    declared = {name for name, item in _named(document).items() if isinstance(item, dict)}
    document = settled(document)
    filler = _Filler(document, _named(document))
    data = {
        key: value if key == "vars" else filler.value(value, (key,)) for key, value in document.data.items()
    }
    for name in filler.names if declared else ():
        if name not in declared | filler.used:
            filler.note(("vars", name), f"nothing uses this variable; {nearest(name, sorted(declared))}")
    return replace(document, data=data, problems=(*document.problems, *filler.problems))


def _named(document: Document) -> dict[str, Any]:
    names = document.data.get("vars")
    return names if isinstance(names, dict) else {}


def escape(value: Any) -> Any:
    """Double the braces in all texts of `value`, so that `fill` restores them and finds no variable."""
    if isinstance(value, dict):
        return {key: escape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escape(item) for item in value]
    return value.replace("{", "{{").replace("}", "}}") if isinstance(value, str) else value


class _Filler:
    """Substitution of variables in one document, with limits on length; collects problems and used names."""

    def __init__(self, document: Document, names: dict[str, Any]) -> None:
        self.document, self.problems = document, list[Problem]()
        self.room = MAX_FILLED
        self.used: set[str] = set()
        self.names = {name: str(value) for name, value in names.items()}
        for name, text in self.names.items():
            if len(text) > MAX_VARIABLE:
                self.note(("vars", name), f"{len(text):,} characters; at most {MAX_VARIABLE:,}")
                self.names[name] = ""

    def note(self, path: Path, message: str) -> None:
        self.problems.append(Problem(self.document.place(path), path, message))

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, str(i))) for i, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        return _BRACES.sub(lambda match: self.brace(match, path), value)

    def brace(self, match: re.Match[str], path: Path) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if name not in self.names:
            hint = nearest(name, self.names) if self.names else "none are declared in 'vars:'"
            self.note(path, f"unknown variable {quoted(match[0])}; {hint}")
        self.used.add(name)
        text = self.names.get(name, match[0])
        if len(text) > self.room:
            self.note(
                path, f"variables fill in more than {MAX_FILLED:,} characters; use fewer or shorter ones"
            )
            return ""
        self.room -= len(text)
        return text
