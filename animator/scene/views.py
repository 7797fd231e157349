"""View settings of a schedule file: images that the film passes through at given times."""

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
        raise ValueError(f"{shown(value)} is not a list of images such as {{0: front.png, 3s: side.png}}")
    return {str(time): file for time, file in value.items()}


Views = Annotated[
    Any,
    BeforeValidator(_views),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


def view_files(scene: Scene) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the path and the value of every setting that names a view's image."""
    return ((("views", time), file) for time, file in scene.settings.views.items())


def view_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of views whose image file is missing."""
    for path, name in view_files(scene):
        if not is_file(file := scene.file(path, name)):
            yield scene.problem(path, f"no such file: {file}")
