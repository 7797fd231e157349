"""The detail pass of a schedule file: parts of each painting, painted once more and larger."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from animator.frame import Detail
from animator.scene.fields import Number, Section, curves


class Detailing(Section):
    """What of the detail pass is no curve."""

    prompt: str | None = Field(
        None, max_length=4_000, description="what is painted there; default: the frame's own prompt"
    )
    padding: Number = Field(
        0.25,
        ge=0,
        le=4,
        description="surroundings that are seen on each side of a part, in parts of its length",
    )


DetailCurves: Any = curves("DetailCurves", Detail, Detailing)


def detail_by_mask(value: Any) -> Any:
    """`detail: label` is short for `detail: {mask: label}`."""
    return {"mask": value} if isinstance(value, str) else value
