"""Draft of a schedule file: the settings understood of an imported file, notes on the others, and its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import BaseModel

from animator.errors import CurveError, Place, Problem, SceneError, SettingPath, quote_text
from animator.frame import Grade, Motion, Painting
from animator.imaging.geometry import FOV_RANGE
from animator.interop.keystrings import Conversion, fit_to_limits, identity, rewrite
from animator.scene.resolve import InlineMapping, dump_yaml
from animator.scene.settings import Settings
from animator.scene.variables import escape_braces
from animator.timeline.clock import Clock

# Sections of a schedule file whose settings are curves, with their dataclasses.
CURVE_SECTIONS: dict[str, type[Motion | Painting | Grade]] = {
    "motion": Motion,
    "painting": Painting,
    "grade": Grade,
}


@dataclass(frozen=True)
class SourceFile:
    """A file to import: its name, and its text (if it is a text file) to locate the lines of its keys."""

    file: str
    text: str = ""

    def place(self, key: str) -> Place:
        """Return the place of the first `"key":` in the text, or of the file as a whole."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self.text)
        return self.at(found.start()) if found else Place(self.file)

    def at(self, offset: int) -> Place:
        """Return the line and column of the character at `offset`."""
        before = self.text[:offset]
        return Place(self.file, before.count("\n") + 1, offset - before.rfind("\n"))

    def error(self, message: str, key: str = "") -> SceneError:
        """Return the SceneError that ends an import, at `key` if one is given."""
        place = self.place(key) if key else Place(self.file)
        return SceneError([Problem(place, (key,) if key else (), message)])


@dataclass
class ScheduleDraft:
    """Settings of a schedule file, nested as in YAML, and notes on what they cannot express."""

    source: SourceFile
    description: str  # kind of file it came from, for the comment at the top
    data: dict[str, Any] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)

    def put(self, path: str, value: Any) -> None:
        """Set the setting at `path`, such as `painting.strength`; None is ignored."""
        if value is None:
            return
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        *sections, name = path.split(".")
        inside = self.data
        for section in sections:
            inside = inside.setdefault(section, {})
        inside[name] = value

    def put_curve(
        self, path: str, key: str, written: Any, clock: Clock, convert: Conversion = identity
    ) -> None:
        """Set the curve at `path` to the source's `written`, converted; note what of it cannot be kept."""
        try:
            curve, wrong = fit_to_limits(rewrite(written, convert), clock, *curve_limits(path))
        except CurveError as error:
            self.note(key, written, f"left out: {error}")
            return
        if wrong:
            self.note(key, written, wrong)
        self.put(path, curve)

    def note(self, key: str, value: Any, why: str) -> None:
        """Note that the source's `key` with its `value` is not, or not fully, in this draft, and `why`."""
        # Keys of a file may contain line breaks and control characters; a note is one line.
        path: SettingPath = (
            tuple(part if part.isprintable() else quote_text(part) for part in key.split(".")) if key else ()
        )
        shown = (
            quote_text(value) if isinstance(value, str) else quote_text(json.dumps(value, default=str))[1:-1]
        )
        self.notes.append(Problem(self.source.place(key.rpartition(".")[2]), path, f"{shown}: {why}"))


def curve_limits(path: str) -> tuple[float, float]:
    """Return the lowest and highest value allowed for the curve at `path`, such as `motion.zoom`."""
    if path == "motion.fov":
        return FOV_RANGE
    section, name = path.split(".")
    found = next(setting for setting in fields(CURVE_SECTIONS[section]) if setting.name == name)
    return found.metadata["low"], found.metadata["high"]


LINE_WIDTH = 110  # characters of a line

MAX_INLINE = 90  # longest mapping that is written on one line, such as {size: 512x512, fps: 15}


def dump_schedule(data: dict[str, Any], comments: Iterable[str] = ()) -> str:
    """Return `data` as YAML without default values, below the comment lines `comments`."""
    ordered = _sort_settings(drop_defaults(data, Settings()), Settings)
    inlined = {name: _inline_short_mappings(escape_braces(value)) for name, value in ordered.items()}
    text = dump_yaml(inlined, LINE_WIDTH)
    plain = ("".join(char if char.isprintable() else "?" for char in line) for line in comments)
    head = "".join(f"# {line}\n" for line in plain)
    return head + (text if ordered else "")


def drop_defaults(data: dict[str, Any], section: BaseModel) -> dict[str, Any]:
    """Return `data` without the values that equal the defaults in `section`."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        default = getattr(section, name, None)
        if isinstance(default, BaseModel) and isinstance(value, dict):
            inner = drop_defaults(value, default)
            if inner:
                kept[name] = inner
        elif value != default or isinstance(value, bool) != isinstance(default, bool):
            kept[name] = value
    seed = kept.get("seed")
    if isinstance(seed, dict) and set(seed) == {"start"}:
        kept["seed"] = seed["start"]
    return kept


def _sort_settings(data: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return `data` in the order in which the settings are documented."""
    rank = {name: at for at, name in enumerate(model.model_fields)}
    result = {}
    for name in sorted(data, key=lambda name: rank.get(name, len(rank))):
        value, field = data[name], model.model_fields.get(name)
        inner = type(field.get_default(call_default_factory=True, validated_data={})) if field else None
        nested = isinstance(value, dict) and inner is not None and issubclass(inner, BaseModel)
        result[name] = _sort_settings(value, inner) if nested and inner is not None else value
    return result


def _inline_short_mappings(value: Any) -> Any:
    """Put mappings of short plain values on one line each, everything else in blocks."""
    if not isinstance(value, dict):
        return value
    inner = {key: _inline_short_mappings(item) for key, item in value.items()}
    plain = all(
        isinstance(item, int | float | InlineMapping) or _is_plain_word(item) for item in inner.values()
    )
    length = sum(len(f"{key}: {item}, ") for key, item in inner.items())
    return InlineMapping(inner) if plain and length <= MAX_INLINE else inner


def _is_plain_word(text: Any) -> bool:
    """Return True for short text that YAML writes without quotes inside braces."""
    return isinstance(text, str) and len(text) <= 60 and not set(text) & set(",:{}[]#&*!|>'\"%@`\n")
