"""Find what a schedule file extends, lay the file over it, and fill its variables: a pure merge of documents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Path, Place, Problem, SceneError, nearest
from animator.scene.load import Document, parse_value, read

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def shelf(name: str) -> FilePath:
    """The folder `presets` or `schedules`: inside an installed package, beside the package in a checkout."""
    package = FilePath(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def extended(file: FilePath, seen: tuple[FilePath, ...] = ()) -> Document:
    """The file at `file` laid over everything it extends. Raises SceneError."""
    document = read(file)
    base = document.data.pop("extends", None)
    if base is None:
        return document
    found = _find(base, file)
    if found is None:
        known = [path.stem for path in sorted(shelf("presets").glob("*.yaml"))]
        raise _refuse(document, f"no preset or file {base!r}; {nearest(str(base), known)}")
    if found.resolve() in seen:
        raise _refuse(document, f"{base!r} extends this file in turn")
    return lay_over(extended(found, (*seen, file.resolve())), document)


def _find(base: Any, file: FilePath) -> FilePath | None:
    """A file beside `file`, else a preset; the name may be written without `.yaml`."""
    if not isinstance(base, str) or not base:
        return None
    places = [file.parent / base, file.parent / f"{base}.yaml", shelf("presets") / f"{base}.yaml"]
    return next((place for place in places if place.is_file()), None)


def _refuse(document: Document, message: str) -> SceneError:
    return SceneError([Problem(document.place(("extends",)), ("extends",), message)])


def lay_over(base: Document, top: Document) -> Document:
    """`top` over `base`: sections and the named entries of `model.loras` are merged, every value is replaced."""
    data = _merge(base.data, top.data, ())
    return Document(top.file, data, {**base.places, **top.places}, {**base.names, **top.names})


def _merge(base: dict[str, Any], top: dict[str, Any], path: Path) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        is_section = not path or (*path, key) == ("model", "loras")
        if is_section and isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value, (*path, key))
        else:
            merged[key] = value
    return merged


def override(document: Document, settings: Iterable[str]) -> Document:
    """`document` with `--set` options, each `section.name=value` or `variable=value`, laid over it."""
    for option in settings:
        name, equals, text = option.partition("=")
        place = Place(f"--set {option}")
        if not equals or not name.strip():
            raise SceneError([Problem(place, (), "write it as section.name=value, e.g. motion.zoom=1.01")])
        path = tuple(name.strip().split("."))
        if path[0] in document.data.get("vars", {}):
            path = ("vars", *path)
        value: Any = parse_value(text)
        for key in reversed(path):
            value = {key: value}
        places = {path[:n]: place for n in range(1, len(path) + 1)}
        data = _deep(document.data, value)
        document = replace(document, data=data, places={**document.places, **places})
    return document


def _deep(base: Any, top: Any) -> Any:
    """Lay one value at the end of a path over `base`, whatever lies on the way."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return {**base, **{key: _deep(base.get(key), value) for key, value in top.items()}}


def fill(document: Document) -> Document:
    """`document` with every `{name}` in its texts replaced by the variable of that name. Raises SceneError."""
    names = document.data.get("vars") or {}
    if not isinstance(names, dict):
        return document  # the schema says what is wrong with it
    problems: list[Problem] = []

    def text(value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: text(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [text(item, (*path, str(i))) for i, item in enumerate(value)]
        return _VARIABLE.sub(lambda match: variable(match, path), value) if isinstance(value, str) else value

    def variable(match: re.Match[str], path: Path) -> str:
        if match[1] in names:
            return str(names[match[1]])
        hint = nearest(match[1], names) if names else "none are declared in 'vars:'"
        problems.append(Problem(document.place(path), path, f"unknown variable {match[0]}; {hint}"))
        return match[0]

    data = {key: value if key == "vars" else text(value, (key,)) for key, value in document.data.items()}
    if problems:
        raise SceneError(problems)
    return replace(document, data=data)
