"""Find presets and the files that a schedule file extends."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from animator.errors import Problem, SceneError, nearest, shown
from animator.scene.parse import Document, read


def shelf(name: str) -> FilePath:
    """Return the folder `presets` or `schedules`: in the package if it is installed, beside it in a checkout."""
    package = FilePath(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def presets() -> dict[str, FilePath]:
    """Return the bundled presets: name → file."""
    return {file.stem: file for file in sorted(shelf("presets").glob("*.yaml"))}


def named(file: FilePath) -> FilePath:
    """Return `file` if it exists, else the bundled preset of that name, else `file`."""
    return file if is_file(file) else presets().get(str(file), file)


def extended(file: FilePath) -> list[Document]:
    """Return the document in `file`, preceded by all that it extends, the base first. Raises SceneError."""
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
    """Return the file named `base`, with or without `.yaml`, in the folder of `file`; else a preset; else None."""
    if not isinstance(base, str) or not base:
        return None
    places = [file.parent / base, file.parent / f"{base}.yaml", presets().get(base)]
    return next((place for place in places if place is not None and is_file(place)), None)


def is_file(path: FilePath) -> bool:
    """Return whether `path` is a file; False for names that the OS rejects, such as too long ones."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _refuse(document: Document, message: str) -> SceneError:
    return SceneError([Problem(document.place(("extends",)), ("extends",), message)])
