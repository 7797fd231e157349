"""Declared variables of a preset, with type, default and description; the values given for them are checked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Path, Place, Problem, nearest, quoted, shown
from animator.scene.parse import Document

TYPES = ("text", "number", "time", "color", "file")
_TIME = re.compile(r"\d{1,6}(\.\d{1,4})?s?")
_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_FIELDS = ("type", "default", "description", "one_of")


@dataclass(frozen=True)
class Variable:
    """One variable of a schedule file, with its declaration and its current value."""

    name: str
    type: str = "text"
    default: str = ""
    description: str = ""
    one_of: tuple[str, ...] = ()
    value: str = ""

    def complaint(self, start: FilePath) -> str | None:
        """Return the problem of the value, or None; file names are relative to `start`. An empty value is allowed."""
        if not self.value:
            return None
        if self.one_of and self.value not in self.one_of:
            return f"{shown(self.value)}: {nearest(self.value, self.one_of)}"
        return _AS[self.type](self.value, start)


def _number(text: str, _: FilePath) -> str | None:
    try:
        float(text)
    except ValueError:
        return f"{shown(text)} is not a number"
    return None


def _time(text: str, _: FilePath) -> str | None:
    return None if _TIME.fullmatch(text.strip()) else f"{shown(text)} is not a time in seconds, e.g. 6s"


def _color(text: str, _: FilePath) -> str | None:
    return None if _COLOR.fullmatch(text) else f"{shown(text)} is not a colour, e.g. '#0a84ff'"


def _file(text: str, start: FilePath) -> str | None:
    path = start / os.path.expanduser(text)  # noqa: PTH111 (pathlib's raises for an unknown user)
    try:
        return None if path.is_file() else f"no such file: {path}"
    except (OSError, ValueError):  # the OS rejects the name
        return f"no such file: {shown(text)}"


_AS = {"text": lambda *_: None, "number": _number, "time": _time, "color": _color, "file": _file}


def carried(old: Any, new: Any) -> Any:
    """Merge the `vars` section `new` into `old`; a plain value for a declared variable keeps the declaration."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    declared = {name: item for name, item in old.items() if isinstance(item, Mapping)}
    kept = {
        name: {**declared[name], "value": item}
        if name in declared and not isinstance(item, Mapping)
        else item
        for name, item in new.items()
    }
    return {**old, **kept}


def variables(document: Document) -> list[Variable]:
    """Return the variables of a file, declared or just given a value; declarations with mistakes are left out."""
    return list(_read(document, []))


def settled(document: Document) -> Document:
    """Return `document` with plain values for its variables, given or default, and with the problems of them."""
    if not isinstance(document.data.get("vars"), Mapping):
        return document
    problems: list[Problem] = []
    values = {found.name: found.value for found in _read(document, problems)}
    data = {**document.data, "vars": values}
    return replace(document, data=data, problems=(*document.problems, *problems))


def folder_of(place: Place) -> FilePath:
    """Return the folder that file names at `place` are relative to: the file's own; the current one for `--set`."""
    return FilePath(place.file).resolve().parent if place.line else FilePath.cwd()


def _read(document: Document, problems: list[Problem]) -> Iterator[Variable]:
    """Yield the variables; a mistake in one is added to `problems`, and its default is used."""
    for name, item in document.data["vars"].items() if isinstance(document.data.get("vars"), Mapping) else ():
        path: Path = ("vars", name)
        place = document.place(path)
        if not isinstance(item, Mapping):
            if isinstance(item, list) or item is None:
                problems.append(Problem(place, path, f"{shown(item)} is not a text or a number"))
            else:
                yield Variable(name, value=str(item))
            continue
        wrong = _mistake(item)
        if wrong is not None:
            given = wrong[0] == "value"  # the value comes from another file than the declaration
            at = path if given else (*path, wrong[0])
            problems.append(Problem(document.place(at), at, wrong[1]))
            if not given:
                continue
        kept = item if wrong is None else {field: entry for field, entry in item.items() if field != "value"}
        found, start = _variable(name, kept), folder_of(place)
        if (complaint := found.complaint(start)) is not None:
            problems.append(Problem(place, path, complaint))
            found = replace(found, value="" if found.type == "file" else found.default)
        if found.type == "file" and found.value:  # absolute, since the preset that uses it lies elsewhere
            found = replace(found, value=str(start / os.path.expanduser(found.value)))  # noqa: PTH111
        yield found


def _variable(name: str, item: Mapping[str, Any]) -> Variable:
    default, choices = str(item.get("default", "")), tuple(str(one) for one in item.get("one_of", ()))
    value = str(item.get("value", default))
    return Variable(name, item.get("type", "text"), default, str(item.get("description", "")), choices, value)


def _mistake(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the field and the message of the first mistake in a declaration, or None."""
    for field, value in item.items():
        if field not in (*_FIELDS, "value"):  # merging adds "value"
            return field, f"no such setting; {nearest(field, _FIELDS)}"
        if field == "type" and value not in TYPES:
            return field, f"{quoted(value)} is not known; allowed: {', '.join(TYPES)}"
        if field == "one_of" and not isinstance(value, list):
            return field, "write the choices as a list: [one, another]"
        if field in ("default", "description", "value") and isinstance(value, dict | list):
            return field, f"{shown(value)} is not a text or a number"
    return None
