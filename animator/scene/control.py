"""ControlNet settings of a schedule file: a model, and the hint image it follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from animator.errors import Path, Problem, quoted
from animator.frame import Control
from animator.scene.fields import Section, curves
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene

FILES = ("file", "video")
DETECTED = ("lineart", "openpose")  # hints that controlnet-aux computes
REMEDY = "pip install 'animator[control]'"
# Number of each kind of hint in a Union model: xinsir's ControlNet++, whose config counts 6 or 8 of them.
MODES = {
    "openpose": 0,
    "depth": 1,
    "scribble": 2,
    "canny": 3,
    "lineart": 3,
    "normal": 4,
    "segment": 5,
    "tile": 6,
}
Shows = Literal["openpose", "depth", "scribble", "canny", "lineart", "normal", "segment", "tile"]


def _pair(value: Any) -> tuple[float, float]:
    numbers = isinstance(value, list | tuple) and len(value) == 2 and {type(x) for x in value} <= {int, float}
    if not numbers or not 0 <= value[0] <= value[1] <= 10_000:
        raise ValueError(
            f"{quoted(value)} is not a pair of thresholds; write [low, high] with 0 <= low <= high, e.g. [100, 200]"
        )
    return float(value[0]), float(value[1])


_PAIR = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
Thresholds = Annotated[Any, BeforeValidator(_pair), WithJsonSchema(_PAIR)]


class Hinted(Section):
    """ControlNet settings that cannot change over time."""

    model: str = Field(description="ControlNet for SDXL: hub id, diffusers folder or .safetensors file")
    hint: Literal["picture", "canny", "depth", "lineart", "openpose"] = Field(
        "picture",
        description="kind of hint made of the image; `picture` uses the image as it is",
    )
    file: str | None = Field(
        None, description="image the hint is made of; default: the image that is painted over"
    )
    video: str | None = Field(
        None, description="video the hint is made of, at the time of each frame; instead of `file`"
    )
    follow: bool = Field(
        True, description="true: the image of `file` moves with the camera; false: it stays in place"
    )
    thresholds: Thresholds = Field(
        [100.0, 200.0], description="of canny: gradients above which an edge continues, and starts"
    )
    shows: Shows | None = Field(
        None, description="for Union models: kind of a ready-made hint; default: that of `hint`"
    )

    @property
    def source(self) -> str:
        """Name of the setting in FILES that the hint is made of; "" for the image that is painted over."""
        return next((name for name in FILES if getattr(self, name) is not None), "")

    @property
    def mode(self) -> int | None:
        """Number of the hint's kind in a Union model, from MODES; None if unknown."""
        kind = self.shows or (self.hint if self.hint != "picture" else "tile" if not self.source else None)
        return None if kind is None else MODES[kind]


ControlCurves: Any = curves("ControlCurves", Control, Hinted)


def control_files(scene: Scene) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value of every setting that names an image or a video for a hint."""
    for name, control in scene.settings.control.items():
        for kind in FILES:
            if getattr(control, kind) is not None:
                yield ("control", name, kind), getattr(control, kind)


def control_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the ControlNets: names, files, missing libraries."""
    for path, file in control_files(scene):
        if not is_file(scene.file(path, file)):
            yield scene.problem(path, f"no such file: {scene.file(path, file)}")
    for name, control in scene.settings.control.items():
        path = ("control", name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
            message = f"{quoted(name)} cannot name a ControlNet: use letters, digits and _"
            yield Problem(scene.document.name(path), path, message)
        if control.file is not None and control.video is not None:
            yield scene.problem(path, "give either 'file' or 'video', not both")
        if control.hint in DETECTED and find_spec("controlnet_aux") is None:
            message = f"{control.hint} needs controlnet-aux, which is not installed: {REMEDY}"
            yield scene.problem((*path, "hint"), message)
