"""What our own runs leave in their pictures and videos → the schedule file that paints them again."""

from __future__ import annotations

from pathlib import Path

from animator.errors import SceneError
from animator.interop.draft import Draft, Source
from animator.scene.scene import read_text

NONE = "what it carries is no schedule file: only films that animator made have one"


def from_film(source: Source, text: str) -> Draft:
    """The schedule file of a whole film, from the `resolved.yaml` in it. Raises SceneError."""
    try:
        scene, problems = read_text(text, Path())
    except SceneError as error:
        raise source.error(NONE) from error
    if not scene.document.data:
        raise source.error(NONE)
    draft = Draft(source, "a film of animator's")
    draft.data = scene.settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    width, height = scene.size
    draft.data.setdefault("video", {})["size"] = f"{width}x{height}"
    draft.notes += [problem for problem in problems if "no such file" not in problem.message]
    return draft
