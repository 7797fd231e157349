"""Recover the schedule file that animator stores in its images and videos."""

from __future__ import annotations

from pathlib import Path

from animator.errors import SceneError
from animator.interop.draft import Draft, Source
from animator.scene.scene import read_text

NONE = "its comment is not a schedule file; only images and videos made by animator contain one"


def from_film(source: Source, text: str) -> Draft:
    """Return the draft of a whole film from `text`, the `resolved.yaml` stored in it. Raises SceneError."""
    try:
        scene, problems = read_text(text, Path())
    except SceneError as error:
        raise source.error(NONE) from error
    if not scene.document.data:
        raise source.error(NONE)
    draft = Draft(source, "film made by animator")
    draft.data = scene.settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    width, height = scene.size
    draft.data.setdefault("video", {})["size"] = f"{width}x{height}"
    draft.notes += [problem for problem in problems if "no such file" not in problem.message]
    return draft
