"""The ControlNets of a schedule file: a model, and the hint it is shown."""

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
DETECTED = ("lineart", "openpose")  # hints that controlnet-aux draws
REMEDY = "pip install 'animator[control]'"
# What each hint is to a Union model: its number in xinsir's ControlNet++, whose config counts 6 or 8 of them.
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
            f"{quoted(value)} are no thresholds; write [low, high] with 0 <= low <= high, e.g. [100, 200]"
        )
    return float(value[0]), float(value[1])


_PAIR = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
Thresholds = Annotated[Any, BeforeValidator(_pair), WithJsonSchema(_PAIR)]


class Hinted(Section):
    """What of a ControlNet is no curve."""

    model: str = Field(description="ControlNet for SDXL: hub id, diffusers folder or .safetensors file")
    hint: Literal["picture", "canny", "depth", "lineart", "openpose"] = Field(
        "picture",
        description="what is made of the picture; `picture` leaves it as it is",
    )
    file: str | None = Field(
        None, description="picture the hint is made of; default: the picture that is painted over"
    )
    video: str | None = Field(
        None, description="video the hint is made of, at the time of each frame; instead of a file"
    )
    follow: bool = Field(
        True, description="a file's picture moves as the camera has since the film began; false: it stays"
    )
    thresholds: Thresholds = Field(
        [100.0, 200.0], description="of canny: gradients from which an edge goes on, and begins"
    )
    shows: Shows | None = Field(
        None, description="what a ready-made picture shows, for Union models; the others go by their hint"
    )

    @property
    def source(self) -> str:
        """Which of FILES the hint is made of; "" for the picture that is painted over."""
        return next((name for name in FILES if getattr(self, name) is not None), "")

    @property
    def mode(self) -> int | None:
        """The number of the hint's kind in a Union model; None where nothing says which it is."""
        kind = self.shows or (self.hint if self.hint != "picture" else "tile" if not self.source else None)
        return None if kind is None else MODES[kind]


ControlCurves: Any = curves("ControlCurves", Control, Hinted)


def control_files(scene: Scene) -> Iterator[tuple[Path, str]]:
    """The path and the value of every setting that names a picture or a video for a hint."""
    for name, control in scene.settings.control.items():
        for kind in FILES:
            if getattr(control, kind) is not None:
                yield ("control", name, kind), getattr(control, kind)


def control_problems(scene: Scene) -> Iterator[Problem]:
    """What is wrong with the ControlNets' names, files and hints."""
    for path, file in control_files(scene):
        if not is_file(scene.file(path, file)):
            yield scene.problem(path, f"no such file: {scene.file(path, file)}")
    for name, control in scene.settings.control.items():
        path = ("control", name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
            message = f"{quoted(name)} cannot name a ControlNet: write letters, digits and _"
            yield Problem(scene.document.name(path), path, message)
        if control.file is not None and control.video is not None:
            yield scene.problem(path, "give either 'file' or 'video', not both")
        if control.hint in DETECTED and find_spec("controlnet_aux") is None:
            message = f"{control.hint} is drawn by controlnet-aux, which is not installed: {REMEDY}"
            yield scene.problem((*path, "hint"), message)
