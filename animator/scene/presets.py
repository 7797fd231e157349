"""Find what a schedule file extends, and lay the file and its overrides over it: a pure merge of documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Path, Place, Problem, SceneError, nearest, shown
from animator.scene.load import Document, parse_value, read


def shelf(name: str) -> FilePath:
    """The folder `presets` or `schedules`: inside an installed package, beside the package in a checkout."""
    package = FilePath(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def extended(file: FilePath, seen: tuple[FilePath, ...] = ()) -> Document:
    """The file at `file` laid over everything it extends. Raises SceneError."""
    document = read(file)
    if "extends" not in document.data:
        return document
    base = document.data.pop("extends")
    found = _find(base, file)
    if found is None:
        known = [path.stem for path in sorted(shelf("presets").glob("*.yaml"))]
        raise _refuse(document, f"no preset or file {shown(base)}; {nearest(str(base), known)}")
    if found.resolve() in seen:
        raise _refuse(document, f"{shown(base)} extends this file in turn")
    return lay_over(extended(found, (*seen, file.resolve())), document)


def _find(base: Any, file: FilePath) -> FilePath | None:
    """A file beside `file`, else a preset; the name may be written without `.yaml`."""
    if not isinstance(base, str) or not base:
        return None
    places = [file.parent / base, file.parent / f"{base}.yaml", shelf("presets") / f"{base}.yaml"]
    return next((place for place in places if is_file(place)), None)


def is_file(path: FilePath) -> bool:
    """Whether there is a file of that name; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _refuse(document: Document, message: str) -> SceneError:
    return SceneError([Problem(document.place(("extends",)), ("extends",), message)])


def lay_over(base: Document, top: Document) -> Document:
    """`top` over `base`: sections and the named entries of `model.loras` are merged, every value is replaced."""
    replaced: set[Path] = set()
    data = _merge(_without_rival(base.data, top.data), top.data, (), replaced)
    places = {**_outside(base.places, replaced), **top.places}
    names = {**_outside(base.names, replaced), **top.names}
    return Document(top.file, data, places, names, base.problems + top.problems)


def _merge(base: dict[str, Any], top: dict[str, Any], path: Path, replaced: set[Path]) -> dict[str, Any]:
    """`top` over `base`; the paths of values that were there before are added to `replaced`."""
    merged = dict(base)
    for key, value in top.items():
        here, old = (*path, key), merged.get(key)
        is_section = not path or here == ("model", "loras")
        if is_section and isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge(old, value, here, replaced)
        else:
            merged[key] = value
            replaced.add(here)
    return merged


_RIVALS = {"frames": "duration", "duration": "frames", "cadence": "paint", "paint": "cadence"}


def _without_rival(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """`base` without what `top` says in another way: a length in seconds or frames, cadence or times to paint."""
    given, old = top.get("video"), base.get("video")
    if isinstance(given, dict) and isinstance(old, dict):
        base = {**base, "video": _without(old, given)}
    return _without(base, top)


def _without(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    gone = {_RIVALS[name] for name in given if name in _RIVALS}
    return {name: value for name, value in old.items() if name not in gone}


def _outside(places: Mapping[Path, Place], replaced: set[Path]) -> dict[Path, Place]:
    """The places of what still counts: those inside a replaced value point into text that does not."""
    longest = max(map(len, replaced), default=0)
    return {
        path: place
        for path, place in places.items()
        if not any(path[:n] in replaced for n in range(1, min(len(path), longest) + 1))
    }


def override(document: Document, settings: Iterable[str]) -> Document:
    """`document` with `--set` options, each `section.name=value` or `variable=value`, laid over it."""
    for option in settings:
        name, equals, text = option.partition("=")
        place = Place(f"--set {option}")
        if not equals or not name.strip():
            raise SceneError([Problem(place, (), "write it as section.name=value, e.g. motion.zoom=1.01")])
        path = tuple(name.strip().split("."))
        variables = document.data.get("vars")
        if len(path) == 1 and isinstance(variables, dict) and path[0] in variables:
            path = ("vars", *path)
        value: Any = parse_value(text)
        for key in reversed(path):
            value = {key: value}
        places = _outside(document.places, {path}) | {path: place}
        data = _deep(_without_rival(document.data, value), value)
        document = replace(document, data=data, places=places)
    return document


def _deep(base: Any, top: Any) -> Any:
    """Lay one value at the end of a path over `base`, whatever lies on the way."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return {**base, **{key: _deep(base.get(key), value) for key, value in top.items()}}
