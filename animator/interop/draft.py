"""Draft of a schedule file: the settings understood of an imported file, and notes on the others."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from typing import Any

from animator.errors import CurveError, Path, Place, Problem, SceneError, quoted
from animator.frame import Grade, Motion, Painting
from animator.interop.keystrings import Convert, rewrite, same, within
from animator.timeline.clock import Clock

# Sections of a schedule file whose settings are curves, with their dataclasses.
SECTIONS: dict[str, type[Motion | Painting | Grade]] = {
    "motion": Motion,
    "painting": Painting,
    "grade": Grade,
}


@dataclass(frozen=True)
class Source:
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
class Draft:
    """Settings of a schedule file, nested as in YAML, and notes on what they cannot express."""

    source: Source
    says: str  # kind of file it came from, for the comment at the top
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

    def put_curve(self, path: str, key: str, written: Any, clock: Clock, convert: Convert = same) -> None:
        """Set the curve at `path` to the source's `written`, converted; note what of it cannot be kept."""
        try:
            curve, wrong = within(rewrite(written, convert), clock, *limits(path))
        except CurveError as error:
            self.note(key, written, f"left out: {error}")
            return
        if wrong:
            self.note(key, written, wrong)
        self.put(path, curve)

    def note(self, key: str, value: Any, why: str) -> None:
        """Note that the source's `key` with its `value` is not, or not fully, in this draft, and `why`."""
        # Keys of a file may contain line breaks and control characters; a note is one line.
        path: Path = (
            tuple(part if part.isprintable() else quoted(part) for part in key.split(".")) if key else ()
        )
        shown = quoted(value) if isinstance(value, str) else quoted(json.dumps(value, default=str))[1:-1]
        self.notes.append(Problem(self.source.place(key.rpartition(".")[2]), path, f"{shown}: {why}"))


def limits(path: str) -> tuple[float, float]:
    """Return the lowest and highest value allowed for the curve at `path`, such as `motion.zoom`."""
    section, name = path.split(".")
    found = next(setting for setting in fields(SECTIONS[section]) if setting.name == name)
    return found.metadata["low"], found.metadata["high"]
