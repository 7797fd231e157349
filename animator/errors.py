"""Exceptions with exit codes. Messages are one line each: the place, what is wrong, and what is allowed.

AnimatorError           base class; exit status 2 unless noted below
├── CurveError          a curve that cannot be read or leaves its range
├── SceneError          a schedule file with problems; lists all of them
├── RunError            a run folder that cannot be used
├── ModelError    (3)   a model, LoRA or device that is missing or does not fit
├── ProgramError  (3)   ffmpeg is missing or failed
└── PluginError   (3)   a plug-in that is missing or broken
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

MAX_PROBLEM_LINES = 50  # problems of a file that are printed
SettingPath = tuple[str, ...]  # keys that lead to a value of a schedule file: ("motion", "zoom", "30")


class AnimatorError(Exception):
    """Base of every error that a user can cause. `str(error)` is the message; `exit_code` is the exit status."""

    exit_code = 2


class CurveError(AnimatorError):
    """A curve that cannot be read, or leaves its range. `key` names the keyframe, if one is at fault."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class RunError(AnimatorError):
    """A run folder that cannot be used."""


class ModelError(AnimatorError):
    """A model, LoRA or device that is missing or does not fit."""

    exit_code = 3


class ProgramError(AnimatorError):
    """An external program (ffmpeg) that is missing or failed."""

    exit_code = 3


class PluginError(AnimatorError):
    """A plug-in that is missing, cannot be loaded, or failed."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Position in a file. `line` and `column` count from 1; both are 0 for text from elsewhere, such as `--set`."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a schedule file: its position, the setting's path, and a message for the user."""

    place: Place
    path: SettingPath
    message: str

    def __str__(self) -> str:
        setting = ".".join(map(_shorten, self.path))
        return f"{self.place}: {setting}: {self.message}" if setting else f"{self.place}: {self.message}"


class MissingFile(Problem):
    """A setting that names a file which does not exist."""

    __slots__ = ()


class SceneError(AnimatorError):
    """A schedule file with problems: one line for each, sorted by file and position, the first MOST_LINES of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = dict.fromkeys(problems)
        self.problems: Sequence[Problem] = sorted(
            unique, key=lambda p: (p.place.file, p.place.line, p.place.column)
        )
        lines = [str(problem) for problem in self.problems[:MAX_PROBLEM_LINES]]
        if len(self.problems) > MAX_PROBLEM_LINES:
            lines.append(f"... and {len(self.problems) - MAX_PROBLEM_LINES} more")
        super().__init__("\n".join(lines))


def one_line(error: object, longest: int | None = None) -> str:
    """Return the message of an error, or any text, on one line of at most `longest` characters."""
    return " ".join(str(error).split())[:longest]


def quote_text(text: object) -> str:
    """Return a user's text in quotes for a message, cut to 60 characters."""
    return repr(_shorten(str(text)))


def short_repr(value: object) -> str:
    """Return the repr of a value for a message, cut to 60 characters."""
    return _shorten(repr(value))


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown `name`: "did you mean …?" or the list of known names."""
    known = list(known)
    folded = {item.lower(): item for item in known}
    match = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[match[0]]!r}?" if match else f"known: {', '.join(known)}"
