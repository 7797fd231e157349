"""Variables of a preset: their declaration, checks of given values, and `{name}` substituted in texts.

`{{` and `}}` are literal braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any

from animator.errors import MissingFile, Place, Problem, SettingPath, quote_text, short_repr, suggest
from animator.models.locate import bundled_product_models, named_path
from animator.scene.parse import Document

MAX_VARIABLE = 1_000  # characters; SDXL reads only a few hundred of a prompt

MAX_FILLED = 1_000_000  # characters that variables add to a whole file

_BRACES_PATTERN = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def substitute(document: Document) -> Document:
    """Return `document` with every `{name}` in its texts replaced by the value of that variable, and with problems."""
    declared = {name for name, item in _vars_section(document).items() if isinstance(item, dict)}
    document = resolve_variables(document)
    filler = _Substitution(document, _vars_section(document))
    data = {
        key: value if key == "vars" else filler.substitute_in(value, (key,))
        for key, value in document.data.items()
    }
    for name in filler.names if declared else ():
        if name not in declared | filler.used:
            filler.add_problem(
                ("vars", name), f"nothing uses this variable; {suggest(name, sorted(declared))}"
            )
    return replace(document, data=data, problems=(*document.problems, *filler.problems))


def _vars_section(document: Document) -> dict[str, Any]:
    names = document.data.get("vars")
    return names if isinstance(names, dict) else {}


def escape_braces(value: Any) -> Any:
    """Double the braces in all texts of `value`, so that `substitute` restores them and finds no variable."""
    if isinstance(value, dict):
        return {key: escape_braces(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escape_braces(item) for item in value]
    return value.replace("{", "{{").replace("}", "}}") if isinstance(value, str) else value


class _Substitution:
    """Substitution of variables in one document, with limits on length; collects problems and used names."""

    def __init__(self, document: Document, names: dict[str, Any]) -> None:
        self.document, self.problems = document, list[Problem]()
        self.remaining = MAX_FILLED
        self.used: set[str] = set()
        self.names = {name: str(value) for name, value in names.items()}
        for name, text in self.names.items():
            if len(text) > MAX_VARIABLE:
                self.add_problem(("vars", name), f"{len(text):,} characters; at most {MAX_VARIABLE:,}")
                self.names[name] = ""

    def add_problem(self, path: SettingPath, message: str) -> None:
        self.problems.append(Problem(self.document.value_place(path), path, message))

    def substitute_in(self, value: Any, path: SettingPath) -> Any:
        if isinstance(value, dict):
            return {key: self.substitute_in(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.substitute_in(item, (*path, str(i))) for i, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        return _BRACES_PATTERN.sub(lambda match: self.replace_brace(match, path), value)

    def replace_brace(self, match: re.Match[str], path: SettingPath) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if name not in self.names:
            hint = suggest(name, self.names) if self.names else "none are declared in 'vars:'"
            self.add_problem(path, f"unknown variable {quote_text(match[0])}; {hint}")
        self.used.add(name)
        text = self.names.get(name, match[0])
        if len(text) > self.remaining:
            self.add_problem(
                path, f"variables fill in more than {MAX_FILLED:,} characters; use fewer or shorter ones"
            )
            return ""
        self.remaining -= len(text)
        return text


VARIABLE_TYPES = ("text", "number", "time", "color", "file", "model")

_TIME = re.compile(r"\d{1,6}(\.\d{1,4})?s?")

_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

_FIELDS = ("type", "default", "description", "one_of", "named_in", "unless")

NO_MODEL = "none"  # value of a variable of type `model` that stands for no 3D model


@dataclass(frozen=True)
class Variable:
    """One variable of a schedule file, with its declaration and its current value."""

    name: str
    type: str = "text"
    default: str = ""
    description: str = ""
    one_of: tuple[str, ...] = ()
    value: str = ""
    # Of type `model`: variable in whose words a bundled 3D model is looked for, and variables that prevent that.
    named_in: str = ""
    unless: tuple[str, ...] = ()

    def validate(self, folder: FilePath) -> str | None:
        """Return the problem of the value, or None; file names are relative to `folder`. An empty value is allowed."""
        if not self.value:
            return None
        if self.one_of and self.value not in self.one_of:
            return f"{short_repr(self.value)}: {suggest(self.value, self.one_of)}"
        return _VALIDATORS[self.type](self.value, folder)


def _validate_number(text: str, _: FilePath) -> str | None:
    try:
        float(text)
    except ValueError:
        return f"{short_repr(text)} is not a number"
    return None


def _validate_time(text: str, _: FilePath) -> str | None:
    return None if _TIME.fullmatch(text.strip()) else f"{short_repr(text)} is not a time in seconds, e.g. 6s"


def _validate_color(text: str, _: FilePath) -> str | None:
    return None if _COLOR.fullmatch(text) else f"{short_repr(text)} is not a colour, e.g. '#0a84ff'"


def _validate_file(text: str, start: FilePath) -> str | None:
    path = named_path(start, text)
    try:
        return None if path.is_file() else f"no such file: {path}"
    except (OSError, ValueError):  # the OS rejects the name
        return f"no such file: {short_repr(text)}"


def _validate_model(text: str, start: FilePath) -> str | None:
    if text == NO_MODEL or text in bundled_product_models():
        return None
    complaint = _validate_file(text, start)
    known = ", ".join(bundled_product_models())
    return complaint and f"{complaint}; or a bundled model: {known}; or none"


_VALIDATORS = {
    "text": lambda *_: None,
    "number": _validate_number,
    "time": _validate_time,
    "color": _validate_color,
    "file": _validate_file,
    "model": _validate_model,
}


def merge_variables(old: Any, new: Any) -> Any:
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


def list_variables(document: Document) -> list[Variable]:
    """Return the variables of a file, declared or just given a value; declarations with mistakes are left out."""
    return list(_read_variables(document, []))


def resolve_variables(document: Document) -> Document:
    """Return `document` with plain values for its variables, given or default, and with the problems of them."""
    if not isinstance(document.data.get("vars"), Mapping):
        return document
    problems: list[Problem] = []
    values = {found.name: found.value for found in _read_variables(document, problems)}
    data = {**document.data, "vars": values}
    return replace(document, data=data, problems=(*document.problems, *problems))


def folder_of(place: Place) -> FilePath:
    """Return the folder that file names at `place` are relative to: the file's own; the current one for `--set`."""
    return FilePath(place.file).resolve().parent if place.line else FilePath.cwd()


def _read_variables(document: Document, problems: list[Problem]) -> Iterator[Variable]:
    """Yield the variables; a mistake in one is added to `problems`, and its default is used."""
    for name, item in document.data["vars"].items() if isinstance(document.data.get("vars"), Mapping) else ():
        path: SettingPath = ("vars", name)
        place = document.value_place(path)
        if not isinstance(item, Mapping):
            if isinstance(item, list) or item is None:
                problems.append(Problem(place, path, f"{short_repr(item)} is not a text or a number"))
            else:
                yield Variable(name, value=str(item))
            continue
        wrong = _find_mistake(item)
        if wrong is not None:
            given = wrong[0] == "value"  # the value comes from another file than the declaration
            at = path if given else (*path, wrong[0])
            problems.append(Problem(document.value_place(at), at, wrong[1]))
            if not given:
                continue
        kept = item if wrong is None else {field: entry for field, entry in item.items() if field != "value"}
        found, start = _make_variable(name, kept), folder_of(place)
        if (complaint := found.validate(start)) is not None:
            names_file = found.type in ("file", "model")
            missing = names_file and found.value in (found.one_of or (found.value,))
            problems.append((MissingFile if missing else Problem)(place, path, complaint))
            found = replace(found, value="" if names_file else found.default)
        if found.type == "model":
            found = replace(found, value=_find_model(found, document.data["vars"], start))
        if found.type == "file" and found.value:  # absolute, since the preset that uses it lies elsewhere
            found = replace(found, value=str(named_path(start, found.value)))
        yield found


def _find_model(variable: Variable, written: Mapping[str, Any], start: FilePath) -> str:
    """Return the path of a 3D model: the given one, or the bundled one that the words of another variable name.

    It is "" for none: where no bundled model is named, where one of the variables in `unless` has a value, or where
    the library for 3D models is not installed and none is asked for.
    """
    bundled = bundled_product_models()
    if variable.value == NO_MODEL:
        return ""
    if variable.value:
        return str(bundled.get(variable.value, named_path(start, variable.value)))
    if (
        not variable.named_in
        or find_spec("embreex") is None
        or any(_plain_value(written.get(name)) for name in variable.unless)
    ):
        return ""
    words = set(re.findall(r"[a-z]+", _plain_value(written.get(variable.named_in)).lower()))
    named = [name for name in bundled if set(name.split("-")) <= words]
    return str(bundled[max(named, key=len)]) if named else ""


def _plain_value(item: Any) -> str:
    """Return the value of a variable as it is written: given, or its default."""
    return str(item.get("value", item.get("default", "")) if isinstance(item, Mapping) else item or "")


def _make_variable(name: str, item: Mapping[str, Any]) -> Variable:
    default, choices = str(item.get("default", "")), tuple(str(one) for one in item.get("one_of", ()))
    value = str(item.get("value", default))
    unless = tuple(str(one) for one in item.get("unless", ()))
    return Variable(
        name,
        item.get("type", "text"),
        default,
        str(item.get("description", "")),
        choices,
        value,
        str(item.get("named_in", "")),
        unless,
    )


def _find_mistake(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the field and the message of the first mistake in a declaration, or None."""
    for field, value in item.items():
        if field not in (*_FIELDS, "value"):  # merging adds "value"
            return field, f"no such setting; {suggest(field, _FIELDS)}"
        if field == "type" and value not in VARIABLE_TYPES:
            return field, f"{quote_text(value)} is not known; allowed: {', '.join(VARIABLE_TYPES)}"
        if field in ("one_of", "unless") and not isinstance(value, list):
            return field, "write the choices as a list: [one, another]"
        if field in ("default", "description", "value") and isinstance(value, dict | list):
            return field, f"{short_repr(value)} is not a text or a number"
    return None
