"""Footage settings of a schedule file: a video that is painted over, or whose motion the film follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from animator.errors import Path, Problem
from animator.scene.fields import Number, Section
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene

FILE: Path = ("footage", "file")


class Filmed(Section):
    """Footage settings that cannot change over time."""

    file: str | None = Field(None, description="video that is painted over, in any format that ffmpeg reads")
    start: Number = Field(0.0, ge=0, le=86_400, description="seconds into the video at which the film begins")
    motion: Literal["none", "affine", "perspective", "flow"] = Field(
        "none", description="way in which the painted frame follows the video's motion"
    )


def footage_by_file(value: Any) -> Any:
    """Expand the short form: `footage: street.mp4` means `footage: {file: street.mp4}`."""
    return {"file": value} if isinstance(value, str) else value


def footage_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the footage: a missing file, and settings that need one."""
    footage = scene.settings.footage
    if footage.file is not None:
        file = scene.file(FILE, footage.file)
        if not is_file(file):
            yield scene.problem(FILE, f"no such file: {file}")
        return
    if footage != type(footage)():
        yield scene.problem(("footage",), "there is no video; write e.g. 'file: street.mp4'")
    if scene.settings.grade.color_reference == "footage":
        message = "there is no footage; add e.g. 'footage: {file: street.mp4, alpha: 0}'"
        yield scene.problem(("grade", "color_reference"), message)
