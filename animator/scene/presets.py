"""Find what a schedule file extends."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from animator.errors import Problem, SceneError, nearest, shown
from animator.scene.parse import Document, read


def shelf(name: str) -> FilePath:
    """The folder `presets` or `schedules`: inside an installed package, beside the package in a checkout."""
    package = FilePath(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def presets() -> dict[str, FilePath]:
    """The presets that come along: name → file."""
    return {file.stem: file for file in sorted(shelf("presets").glob("*.yaml"))}


def named(file: FilePath) -> FilePath:
    """`file`, or the preset of that name where there is no such file."""
    return file if is_file(file) else presets().get(str(file), file)


def extended(file: FilePath) -> list[Document]:
    """The file at `file` and before it, in order, everything it extends. Raises SceneError."""
    return _chain(file, ())


def _chain(file: FilePath, seen: tuple[FilePath, ...]) -> list[Document]:
    document = read(file)
    if "extends" not in document.data:
        return [document]
    base = document.data.pop("extends")
    found = _find(base, file)
    if found is None:
        raise _refuse(document, f"no preset or file {shown(base)}; {nearest(str(base), presets())}")
    if found.resolve() in seen:
        raise _refuse(document, f"{shown(base)} extends this file in turn")
    return [*_chain(found, (*seen, file.resolve())), document]


def _find(base: Any, file: FilePath) -> FilePath | None:
    """A file beside `file`, else a preset; the name may be written without `.yaml`."""
    if not isinstance(base, str) or not base:
        return None
    places = [file.parent / base, file.parent / f"{base}.yaml", presets().get(base)]
    return next((place for place in places if place is not None and is_file(place)), None)


def is_file(path: FilePath) -> bool:
    """Whether there is a file of that name; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _refuse(document: Document, message: str) -> SceneError:
    return SceneError([Problem(document.place(("extends",)), ("extends",), message)])
