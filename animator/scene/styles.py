"""Prompt styles.

Named styles: text around a prompt, and a negative prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from animator.errors import Place, Problem, SceneError, shown
from animator.scene.parse import Document, read
from animator.scene.settings import MAX_PROMPT

if TYPE_CHECKING:
    from animator.scene.scene import Scene


SHELF = FilePath(__file__).with_name("styles.yaml")

SLOT = "{prompt}"  # placeholder of the schedule's prompt

FILE = ("prompts", "styles_file")

_FIELDS = ("says", "prompt", "negative")


@dataclass(frozen=True, slots=True)
class Style:
    """One style: text before and after the prompt, a negative prompt, and a description."""

    before: str
    after: str
    negative: str = ""
    says: str = ""

    @property
    def prompt(self) -> str:
        """Prompt of the style as a file has it, with SLOT for the schedule's prompt."""
        return f"{self.before}{SLOT}{self.after}"


@lru_cache(maxsize=1)
def bundled_styles() -> Mapping[str, Style]:
    """Return the bundled styles by name, in the order of their file."""
    return _styles(read(SHELF))[0]


def styles(scene: Scene) -> Mapping[str, Style]:
    """Return all styles of a scene by name: the bundled ones, and its own, which take precedence."""
    return {**bundled_styles(), **_own(scene)[0]}


def read_styles(file: FilePath) -> Mapping[str, Style]:
    """Return the styles in a file by name. Raises SceneError with all problems of the file."""
    found, problems = _styles(read(file))
    if problems:
        raise SceneError(problems)
    return found


def _own(scene: Scene) -> tuple[Mapping[str, Style], list[Problem]]:
    name = scene.settings.prompts.styles_file
    if name is None:
        return {}, []
    file = scene.file(FILE, name)
    if not file.is_file():
        return {}, [scene.problem(FILE, f"no such file: {file}")]
    try:
        return _styles(read(file))
    except SceneError as error:
        return {}, list(error.problems)


def _styles(document: Document) -> tuple[dict[str, Style], list[Problem]]:
    found, problems = {}, list(document.problems)
    for name, written in document.data.items():
        wrong = [Problem(place, (name,), message) for place, message in _wrong(document, name, written)]
        problems += wrong
        if not wrong:
            entry = {"prompt": written} if isinstance(written, str) else written
            before, _, after = entry["prompt"].partition(SLOT)
            found[name] = Style(before, after, entry.get("negative", ""), entry.get("says", ""))
    return found, problems


def _wrong(document: Document, name: str, written: Any) -> Iterator[tuple[Place, str]]:
    """Yield the position and the message of each mistake in one style."""
    entry = {"prompt": written} if isinstance(written, str) else written
    if not isinstance(entry, dict) or not isinstance(entry.get("prompt"), str):
        yield (
            document.place((name,)),
            f'{shown(written)} is not a style; write its prompt: "sketch of {SLOT}"',
        )
        return
    for field, text in entry.items():
        place = (name,) if isinstance(written, str) else (name, field)
        if field not in _FIELDS:
            yield document.name(place), f"no such setting; known: {', '.join(_FIELDS)}"
        elif not isinstance(text, str) or len(text) > MAX_PROMPT:
            yield document.place(place), f"{shown(text)} is not a text of at most {MAX_PROMPT:,} characters"
        elif field == "prompt" and text.count(SLOT) != 1:
            yield document.place(place), f"a style has {SLOT} exactly once, in place of the schedule's prompt"
