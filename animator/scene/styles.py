"""Named prompt styles: text around a prompt, and a negative prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from animator.errors import Place, Problem, SceneError, short_repr
from animator.scene.parse import Document, is_file, read_document
from animator.scene.settings import MAX_PROMPT

if TYPE_CHECKING:
    from animator.scene.scene import Scene


STYLES_FILE = FilePath(__file__).with_name("styles.yaml")

PROMPT_SLOT = "{prompt}"  # placeholder of the schedule's prompt

STYLES_SETTING = ("prompts", "styles_file")

_STYLE_FIELDS = ("says", "prompt", "negative")


@dataclass(frozen=True, slots=True)
class Style:
    """One style: text before and after the prompt, a negative prompt, and a description."""

    before: str
    after: str
    negative: str = ""
    description: str = ""

    @property
    def prompt(self) -> str:
        """Prompt of the style as a file has it, with SLOT for the schedule's prompt."""
        return f"{self.before}{PROMPT_SLOT}{self.after}"


@lru_cache(maxsize=1)
def bundled_styles() -> Mapping[str, Style]:
    """Return the bundled styles by name, in the order of their file."""
    return _parse_styles(read_document(STYLES_FILE))[0]


def available_styles(scene: Scene) -> Mapping[str, Style]:
    """Return all styles of a scene by name: the bundled ones, and its own, which take precedence."""
    return {**bundled_styles(), **_own_styles(scene)[0]}


def read_styles(file: FilePath) -> Mapping[str, Style]:
    """Return the styles in a file by name. Raises SceneError with all problems of the file."""
    found, problems = _parse_styles(read_document(file))
    if problems:
        raise SceneError(problems)
    return found


def _own_styles(scene: Scene) -> tuple[Mapping[str, Style], list[Problem]]:
    name = scene.settings.prompts.styles_file
    if name is None:
        return {}, []
    file = scene.file(STYLES_SETTING, name)
    if not is_file(file):
        return {}, []
    try:
        return _parse_styles(read_document(file))
    except SceneError as error:
        return {}, list(error.problems)


def _parse_styles(document: Document) -> tuple[dict[str, Style], list[Problem]]:
    found, problems = {}, list(document.problems)
    for name, written in document.data.items():
        wrong = [Problem(place, (name,), message) for place, message in _check_style(document, name, written)]
        problems += wrong
        if not wrong:
            entry = {"prompt": written} if isinstance(written, str) else written
            before, _, after = entry["prompt"].partition(PROMPT_SLOT)
            found[name] = Style(before, after, entry.get("negative", ""), entry.get("says", ""))
    return found, problems


def _check_style(document: Document, name: str, written: Any) -> Iterator[tuple[Place, str]]:
    """Yield the position and the message of each mistake in one style."""
    entry = {"prompt": written} if isinstance(written, str) else written
    if not isinstance(entry, dict) or not isinstance(entry.get("prompt"), str):
        yield (
            document.value_place((name,)),
            f'{short_repr(written)} is not a style; write its prompt: "sketch of {PROMPT_SLOT}"',
        )
        return
    for field, text in entry.items():
        place = (name,) if isinstance(written, str) else (name, field)
        if field not in _STYLE_FIELDS:
            yield document.key_place(place), f"no such setting; known: {', '.join(_STYLE_FIELDS)}"
        elif not isinstance(text, str) or len(text) > MAX_PROMPT:
            yield (
                document.value_place(place),
                f"{short_repr(text)} is not a text of at most {MAX_PROMPT:,} characters",
            )
        elif field == "prompt" and text.count(PROMPT_SLOT) != 1:
            yield (
                document.value_place(place),
                f"a style has {PROMPT_SLOT} exactly once, in place of the schedule's prompt",
            )
