"""Merge of a schedule file with the files it extends, its `when:` sections and `--set` options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from animator.errors import Path, Place, Problem, SceneError, nearest, shown
from animator.scene.declared import carried, variables
from animator.scene.parse import Document, parse_value

FALSE = ("", "0", "0.0", "no", "off", "false", "False")  # values of a variable that make its condition false


def merged(documents: Sequence[Document], settings: Iterable[str] = ()) -> Document:
    """Merge documents in order, each over those before it, and the `--set` options `settings` over all of them.

    A section under `when:` is merged over its own document if its condition holds for the whole film.
    Conditions are the variables, false if their value is in FALSE, and the kind of model, `nano` or `sdxl`.
    Raises SceneError.
    """
    settings = list(settings)
    bare = [_without_when(document) for document in documents]
    plain = override(reduce(lay_over, bare), settings)
    if all("when" not in document.data for document in documents):
        return plain
    holding = conditions(plain)
    whole = [_chosen(document, holding) for document in documents]
    return override(reduce(lay_over, whole), settings)


def conditions(document: Document) -> dict[str, bool]:
    """Return every condition that `when:` may name → True if it holds."""
    model = document.data.get("model")
    base = model.get("base", "nano") if isinstance(model, Mapping) else "nano"
    given = {found.name: found.value not in FALSE for found in variables(document)}
    return {**given, "nano": base == "nano", "sdxl": base != "nano"}


def _without_when(document: Document) -> Document:
    return replace(document, data={key: value for key, value in document.data.items() if key != "when"})


def _chosen(document: Document, holding: Mapping[str, bool]) -> Document:
    """Return `document` merged with those of its `when:` sections whose condition holds."""
    found, given = _without_when(document), document.data.get("when", {})
    if not isinstance(given, Mapping):
        return _noted(document, found, ("when",), f"{shown(given)} is not a group of conditions")
    for name, settings in given.items():
        path = ("when", name)
        if name not in holding:
            found = _noted(document, found, path, f"no such variable or model; {nearest(name, holding)}")
        elif not isinstance(settings, dict):
            found = _noted(document, found, path, f"{shown(settings)} is not a group of settings")
        elif holding[name]:
            places, names = _below(document.places, path), _below(document.names, path)
            found = lay_over(found, Document(document.file, settings, places, names))
    return found


def _noted(document: Document, found: Document, path: Path, message: str) -> Document:
    problem = Problem(document.name(path), path, message)
    return replace(found, problems=(*found.problems, problem))


def _below(places: Mapping[Path, Place], path: Path) -> dict[Path, Place]:
    return {at[len(path) :]: place for at, place in places.items() if at[: len(path)] == path}


def lay_over(base: Document, top: Document) -> Document:
    """Merge `top` over `base`: sections and the entries of `model.loras` are merged, other values replaced."""
    replaced: set[Path] = set()
    data = _merge(_without_rival(base.data, top.data), top.data, (), replaced)
    if "vars" in data:
        data["vars"] = carried(base.data.get("vars"), data["vars"])
    places = {**_outside(base.places, replaced), **top.places}
    names = {**_outside(base.names, replaced), **top.names}
    return Document(top.file, data, places, names, base.problems + top.problems)


def _merge(base: dict[str, Any], top: dict[str, Any], path: Path, replaced: set[Path]) -> dict[str, Any]:
    """Return `top` merged over `base`; the paths of replaced values are added to `replaced`."""
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
    """Return `base` without settings whose alternative is in `top`: frames or duration, cadence or paint."""
    given, old = top.get("video"), base.get("video")
    if isinstance(given, dict) and isinstance(old, dict):
        base = {**base, "video": _without(old, given)}
    return _without(base, top)


def _without(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    gone = {_RIVALS[name] for name in given if name in _RIVALS}
    return {name: value for name, value in old.items() if name not in gone}


def _outside(places: Mapping[Path, Place], replaced: set[Path]) -> dict[Path, Place]:
    """Return `places` without those inside a replaced value, which point into text that no longer applies."""
    longest = max(map(len, replaced), default=0)
    return {
        path: place
        for path, place in places.items()
        if not any(path[:n] in replaced for n in range(1, min(len(path), longest) + 1))
    }


def override(document: Document, settings: Iterable[str]) -> Document:
    """Return `document` with `--set` options, `section.name=value` or `variable=value`. Raises SceneError."""
    for option in settings:
        name, equals, text = option.partition("=")
        place = Place(f"--set {option}")
        if not equals or not name.strip():
            raise SceneError([Problem(place, (), "write it as section.name=value, e.g. motion.zoom=1.01")])
        path = tuple(name.strip().split("."))
        known = document.data.get("vars")
        if len(path) == 1 and isinstance(known, dict) and path[0] in known:
            path = ("vars", *path)
        value: Any = parse_value(text)
        for key in reversed(path):
            value = {key: value}
        places = _outside(document.places, {path}) | {path: place}
        data = _deep(_without_rival(document.data, value), value)
        if "vars" in data:
            data["vars"] = carried(known, data["vars"])
        document = replace(document, data=data, places=places)
    return document


def _deep(base: Any, top: Any) -> Any:
    """Merge nested dictionaries at any depth; `top` replaces everything else."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return {**base, **{key: _deep(base.get(key), value) for key, value in top.items()}}
