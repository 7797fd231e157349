"""Merge of a schedule file with the presets it extends, its storyboard, `when:` sections and `--set` options."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path as FilePath
from typing import Any

from animator.errors import Place, Problem, SceneError, SettingPath, quote_text, short_repr, suggest
from animator.models.locate import data_folder
from animator.scene.parse import MAX_BYTES, Document, is_file, parse_value, read_document
from animator.scene.variables import list_variables, merge_variables, substitute

FALSE_TEXTS = (
    "",
    "0",
    "0.0",
    "no",
    "off",
    "false",
    "False",
)  # values of a variable that make its condition false


def compose(documents: Sequence[Document], settings: Iterable[str] = ()) -> Document:
    """Merge documents in order, each over those before it, and the `--set` options `settings` over all of them.

    A section under `when:` is merged over its own document if its condition holds for the whole film.
    Conditions are the variables, false if their value is in FALSE, and the kind of model, `nano` or `sdxl`.
    Raises SceneError.
    """
    settings = list(settings)
    bare = [_without_when(document) for document in documents]
    plain = apply_overrides(reduce(overlay_document, bare), settings)
    if all("when" not in document.data for document in documents):
        return plain
    holding = when_conditions(plain)
    whole = [_apply_when(document, holding) for document in documents]
    return apply_overrides(reduce(overlay_document, whole), settings)


def when_conditions(document: Document) -> dict[str, bool]:
    """Return every condition that `when:` may name → True if it holds."""
    model = document.data.get("model")
    base = model.get("base", "nano") if isinstance(model, Mapping) else "nano"
    given = {found.name: found.value not in FALSE_TEXTS for found in list_variables(document)}
    return {**given, "nano": base == "nano", "sdxl": base != "nano"}


def _without_when(document: Document) -> Document:
    return replace(document, data={key: value for key, value in document.data.items() if key != "when"})


def _apply_when(document: Document, holding: Mapping[str, bool]) -> Document:
    """Return `document` merged with those of its `when:` sections whose condition holds."""
    found, given = _without_when(document), document.data.get("when", {})
    if not isinstance(given, Mapping):
        return _with_problem(document, found, ("when",), f"{short_repr(given)} is not a group of conditions")
    for name, settings in given.items():
        path = ("when", name)
        if name not in holding:
            found = _with_problem(
                document, found, path, f"no such variable or model; {suggest(name, holding)}"
            )
        elif not isinstance(settings, dict):
            found = _with_problem(document, found, path, f"{short_repr(settings)} is not a group of settings")
        elif holding[name]:
            places, names = _relative_places(document.places, path), _relative_places(document.names, path)
            found = overlay_document(found, Document(document.file, settings, places, names))
    return found


def _with_problem(document: Document, found: Document, path: SettingPath, message: str) -> Document:
    problem = Problem(document.key_place(path), path, message)
    return replace(found, problems=(*found.problems, problem))


def _relative_places(places: Mapping[SettingPath, Place], path: SettingPath) -> dict[SettingPath, Place]:
    return {at[len(path) :]: place for at, place in places.items() if at[: len(path)] == path}


def overlay_document(base: Document, top: Document) -> Document:
    """Merge `top` over `base`: sections and the entries of `model.loras` are merged, other values replaced."""
    replaced: set[SettingPath] = set()
    data = _merge_sections(_without_alternatives(base.data, top.data), top.data, (), replaced)
    if "vars" in data:
        data["vars"] = merge_variables(base.data.get("vars"), data["vars"])
    places = {**_places_outside(base.places, replaced), **top.places}
    names = {**_places_outside(base.names, replaced), **top.names}
    return Document(top.file, data, places, names, base.problems + top.problems)


def _merge_sections(
    base: dict[str, Any], top: dict[str, Any], path: SettingPath, replaced: set[SettingPath]
) -> dict[str, Any]:
    """Return `top` merged over `base`; the paths of replaced values are added to `replaced`."""
    merged = dict(base)
    for key, value in top.items():
        here, old = (*path, key), merged.get(key)
        is_section = not path or here == ("model", "loras")
        if is_section and isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge_sections(old, value, here, replaced)
        else:
            merged[key] = value
            replaced.add(here)
    return merged


_ALTERNATIVES = {"frames": "duration", "duration": "frames", "cadence": "paint", "paint": "cadence"}


def _without_alternatives(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return `base` without settings whose alternative is in `top`: frames or duration, cadence or paint."""
    given, old = top.get("video"), base.get("video")
    if isinstance(given, dict) and isinstance(old, dict):
        base = {**base, "video": _drop_alternatives(old, given)}
    return _drop_alternatives(base, top)


def _drop_alternatives(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    gone = {_ALTERNATIVES[name] for name in given if name in _ALTERNATIVES}
    return {name: value for name, value in old.items() if name not in gone}


def _places_outside(
    places: Mapping[SettingPath, Place], replaced: set[SettingPath]
) -> dict[SettingPath, Place]:
    """Return `places` without those inside a replaced value, which point into text that no longer applies."""
    longest = max(map(len, replaced), default=0)
    return {
        path: place
        for path, place in places.items()
        if not any(path[:n] in replaced for n in range(1, min(len(path), longest) + 1))
    }


def apply_overrides(document: Document, settings: Iterable[str]) -> Document:
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
        places = _places_outside(document.places, {path}) | {path: place}
        data = _deep_merge(_without_alternatives(document.data, value), value)
        if "vars" in data:
            data["vars"] = merge_variables(known, data["vars"])
        document = replace(document, data=data, places=places)
    return document


def _deep_merge(base: Any, top: Any) -> Any:
    """Merge nested dictionaries at any depth; `top` replaces everything else."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return {**base, **{key: _deep_merge(base.get(key), value) for key, value in top.items()}}


def bundled_presets() -> dict[str, FilePath]:
    """Return the bundled presets: name → file."""
    return {file.stem: file for file in sorted(data_folder("presets").glob("*.yaml"))}


def resolve_preset(file: FilePath) -> FilePath:
    """Return `file` if it exists, else the bundled preset of that name, else `file`."""
    return file if is_file(file) else bundled_presets().get(str(file), file)


def extends_chain(file: FilePath, seen: tuple[FilePath, ...] = ()) -> list[Document]:
    """Return the document in `file`, preceded by all that it extends, the base first. Raises SceneError.

    `seen` are the files that extend `file`.
    """
    document = read_document(file)
    if "extends" not in document.data:
        return [document]
    base = document.data.pop("extends")
    found = _find_base(base, file)
    if found is None:
        raise _extends_error(
            document, f"no preset or file {short_repr(base)}; {suggest(str(base), bundled_presets())}"
        )
    if found.resolve() in seen:
        raise _extends_error(document, f"{short_repr(base)} extends this file in turn")
    return [*extends_chain(found, (*seen, file.resolve())), document]


def _find_base(base: Any, file: FilePath) -> FilePath | None:
    """Return the file named `base`, with or without `.yaml`, in the folder of `file`; else a preset; else None."""
    if not isinstance(base, str) or not base:
        return None
    places = [file.parent / base, file.parent / f"{base}.yaml", bundled_presets().get(base)]
    return next((place for place in places if place is not None and is_file(place)), None)


def _extends_error(document: Document, message: str) -> SceneError:
    return SceneError([Problem(document.value_place(("extends",)), ("extends",), message)])


REQUIRED_COLUMNS = ("time", "sentence")

STORYBOARD_COLUMNS = (*REQUIRED_COLUMNS, "motion", "material", "transition")

TRANSITIONS = ("cut", "blend")

STORYBOARD: SettingPath = ("storyboard",)


def apply_storyboard(document: Document, folder: FilePath) -> Document:
    """Return `document` with the shots of its `storyboard:` table, if any; table names are relative to `folder`."""
    if STORYBOARD[0] not in document.data:
        return document
    data = {key: value for key, value in document.data.items() if key != STORYBOARD[0]}
    bare = Document(document.file, data, document.places, document.names, document.problems)
    board = _StoryboardReader(str(folder / str(document.data[STORYBOARD[0]])))
    try:
        table = substitute(board.document(data.get("vars")))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        problem = Problem(document.value_place(STORYBOARD), STORYBOARD, f"{board.file}: {why}")
        return Document(bare.file, data, bare.places, bare.names, (*bare.problems, problem))
    del table.data["vars"]
    return overlay_document(bare, table)


class _StoryboardReader:
    """Reader of one storyboard table."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[SettingPath, Place] = {}
        self.prompts: dict[str, str] = {}
        self.moves: dict[str, str] = {}
        self.cuts: list[str] = []

    def document(self, variables: Any) -> Document:
        """Return the table as settings. Raises OSError and ValueError if it cannot be read."""
        raw = FilePath(self.file).read_bytes()
        if len(raw) > MAX_BYTES:
            raise ValueError(f"{len(raw):,} bytes; a storyboard has at most {MAX_BYTES:,}")
        text = raw.decode("utf-8-sig")
        # Spreadsheets separate by semicolons in locales with a decimal comma.
        first = text.partition("\n")[0]
        rows = csv.DictReader(
            io.StringIO(text), delimiter=";" if ";" in first else ",", skipinitialspace=True
        )
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        for name in names:
            if name not in STORYBOARD_COLUMNS:
                raise ValueError(f"unknown column {quote_text(name)}; {suggest(name, STORYBOARD_COLUMNS)}")
        for name in REQUIRED_COLUMNS:
            if name not in names:
                raise ValueError(
                    f"no column {name!r}; a storyboard has the columns {', '.join(STORYBOARD_COLUMNS)}"
                )
        rows.fieldnames = names
        for row in rows:
            self.add_shot({name: (row.get(name) or "").strip() for name in STORYBOARD_COLUMNS}, rows.line_num)
        if not self.prompts and not self.problems:
            raise ValueError("it has no shots")
        return Document(self.file, self.settings(variables), self.places, {}, tuple(self.problems))

    def settings(self, variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"vars": variables or {}, "prompts": {"at": self.prompts}}
        if self.cuts:
            found["cuts"] = self.cuts
        if self.moves:
            found["motion"] = {"moves": self.moves}
        return found

    def add_shot(self, row: dict[str, str], line: int) -> None:
        if not any(row.values()):
            return
        time, place = row["time"], Place(self.file, line, 1)
        if not time or not row["sentence"]:
            missing = "time" if not time else "sentence"
            self.problems.append(Problem(place, (missing,), "must be given in every line"))
            return
        if time in self.prompts:
            self.problems.append(Problem(place, ("time",), f"{short_repr(time)} is written twice"))
            return
        if row["transition"] and row["transition"] not in TRANSITIONS:
            message = f"{short_repr(row['transition'])} is not known; allowed: {', '.join(TRANSITIONS)}"
            self.problems.append(Problem(place, ("transition",), message))
        if self.prompts and row["transition"] != "blend":
            self.places["cuts", str(len(self.cuts))] = place
            self.cuts.append(time)
        self.places["prompts", "at", time] = place
        self.prompts[time] = ", ".join(filter(None, (row["sentence"], row["material"])))
        if row["motion"]:
            self.places["motion", "moves", time] = place
            self.moves[time] = row["motion"]
