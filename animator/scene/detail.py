"""Settings of the detail pass, which paints parts of each painted frame once more at a larger size."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from animator.frame import Detail
from animator.scene.fields import Number, Section, curves


class Detailing(Section):
    """Detail-pass settings that cannot change over time."""

    prompt: str | None = Field(
        None, max_length=4_000, description="prompt for the parts; default: the frame's own prompt"
    )
    padding: Number = Field(
        0.25,
        ge=0,
        le=4,
        description="surroundings included on each side of a part, as a fraction of its length",
    )


DetailCurves: Any = curves("DetailCurves", Detail, Detailing)


def detail_by_mask(value: Any) -> Any:
    """Expand the short form: `detail: label` means `detail: {mask: label}`."""
    return {"mask": value} if isinstance(value, str) else value
