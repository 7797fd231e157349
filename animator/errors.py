"""What can go wrong, and how it is told: one line, with the place, what is wrong and what is allowed.

AnimatorError           exit status 2 unless said otherwise
├── CurveError          a value over time that cannot be read or leaves its range
├── SceneError          a schedule file with problems, all of them
├── RunError            a run's folder that cannot be used
├── ModelError    (3)   a model, LoRA or device that is missing or does not fit
└── ProgramError  (3)   ffmpeg is missing or failed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

MOST_LINES = 50  # of a file's problems that are printed
Path = tuple[str, ...]  # ("motion", "zoom", "30"): the way to a value in a schedule file


class AnimatorError(Exception):
    """Everything a user can cause. `str(error)` is fit to print; `exit_code` is the process's status."""

    exit_code = 2


class CurveError(AnimatorError):
    """A value over time that cannot be read, or leaves its range. `key` names the keyframe, if one is at fault."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class RunError(AnimatorError):
    """A run's folder that cannot be used."""


class ModelError(AnimatorError):
    """A model, LoRA or device that is missing or does not fit."""

    exit_code = 3


class ProgramError(AnimatorError):
    """A program we call (ffmpeg) that is missing or failed."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written. `line` and `column` count from 1; 0 when it did not come from a file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a schedule file."""

    place: Place
    path: Path
    message: str

    def __str__(self) -> str:
        setting = ".".join(map(_cut, self.path))
        return f"{self.place}: {setting}: {self.message}" if setting else f"{self.place}: {self.message}"


class SceneError(AnimatorError):
    """A schedule file with problems: one line each, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = dict.fromkeys(problems)
        self.problems: Sequence[Problem] = sorted(
            unique, key=lambda p: (p.place.file, p.place.line, p.place.column)
        )
        lines = [str(problem) for problem in self.problems[:MOST_LINES]]
        if len(self.problems) > MOST_LINES:
            lines.append(f"... and {len(self.problems) - MOST_LINES} more")
        super().__init__("\n".join(lines))


def quoted(text: object) -> str:
    """What a user wrote, in quotes, cut where it would fill the screen."""
    return repr(_cut(str(text)))


def shown(value: object) -> str:
    """A value of any kind as Python writes it, cut in the same way."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown `name`: the nearest known one, or the whole list."""
    known = list(known)
    folded = {item.lower(): item for item in known}
    match = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[match[0]]!r}?" if match else f"known: {', '.join(known)}"
