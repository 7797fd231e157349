"""A schedule file in the making: what was understood of someone's file, and notes on what was not."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from typing import Any

from animator.errors import CurveError, Path, Place, Problem, SceneError, quoted
from animator.frame import Grade, Motion, Painting
from animator.interop.keystrings import Convert, rewrite, same, within
from animator.timeline.clock import Clock

# The sections of a schedule file whose settings are curves, by their dataclass.
SECTIONS: dict[str, type[Motion | Painting | Grade]] = {
    "motion": Motion,
    "painting": Painting,
    "grade": Grade,
}


@dataclass(frozen=True)
class Source:
    """A file to import: its name, and its text if it has one, by which the lines of its keys are found."""

    file: str
    text: str = ""

    def place(self, key: str) -> Place:
        """Where `"key":` stands first in the text; the file as a whole where it does not."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self.text)
        return self.at(found.start()) if found else Place(self.file)

    def at(self, offset: int) -> Place:
        """The place of a character of the text."""
        before = self.text[:offset]
        return Place(self.file, before.count("\n") + 1, offset - before.rfind("\n"))

    def error(self, message: str, key: str = "") -> SceneError:
        """The error that ends an import."""
        place = self.place(key) if key else Place(self.file)
        return SceneError([Problem(place, (key,) if key else (), message)])


@dataclass
class Draft:
    """The settings of a schedule file, nested as in YAML, and what could not be said in it."""

    source: Source
    says: str  # what kind of file it came from
    data: dict[str, Any] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)

    def put(self, path: str, value: Any) -> None:
        """Set `painting.strength` and the like; None is left out."""
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
        """Set `motion.zoom` and the like to the source's `written`; what of it cannot be kept is noted."""
        try:
            curve, wrong = within(rewrite(written, convert), clock, *limits(path))
        except CurveError as error:
            self.note(key, written, f"left out: {error}")
            return
        if wrong:
            self.note(key, written, wrong)
        self.put(path, curve)

    def note(self, key: str, value: Any, why: str) -> None:
        """Say that the source's `key` with its `value` is not, or not wholly, in this draft."""
        # A key of someone's may hold anything; a note is one line.
        path: Path = (
            tuple(part if part.isprintable() else quoted(part) for part in key.split(".")) if key else ()
        )
        shown = quoted(value) if isinstance(value, str) else quoted(json.dumps(value, default=str))[1:-1]
        self.notes.append(Problem(self.source.place(key.rpartition(".")[2]), path, f"{shown}: {why}"))


def limits(path: str) -> tuple[float, float]:
    """The least and the largest value of the curve `motion.zoom` and the like."""
    section, name = path.split(".")
    found = next(setting for setting in fields(SECTIONS[section]) if setting.name == name)
    return found.metadata["low"], found.metadata["high"]
