"""The views of a schedule file: pictures that the film passes through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from animator.errors import Problem, shown
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene


def _views(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(file, str) for file in value.values()):
        raise ValueError(f"{shown(value)} is not a list of pictures such as {{0: front.png, 3s: side.png}}")
    return {str(time): file for time, file in value.items()}


Views = Annotated[
    Any,
    BeforeValidator(_views),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


def view_files(scene: Scene) -> Iterator[tuple[tuple[str, str], str]]:
    """The pictures' files as they were written, with the place of each."""
    return ((("views", time), file) for time, file in scene.settings.views.items())


def view_problems(scene: Scene) -> Iterator[Problem]:
    """Pictures that are not there."""
    for path, name in view_files(scene):
        if not is_file(file := scene.file(path, name)):
            yield scene.problem(path, f"no such file: {file}")
