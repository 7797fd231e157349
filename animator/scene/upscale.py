"""What is done to a film after it is painted: larger pictures, and more of them in a second."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from animator.errors import ModelError, Path, Problem
from animator.frame import Upscale
from animator.models import lora_file
from animator.scene.fields import Number, Section, Whole, curves
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene

WAYS = ("lanczos", "second-pass")  # any other is a file
MOST = 8192  # pixels of a side, as of video.size
FILE: Path = ("output", "upscale", "by")


class Upscaled(Section):
    """What of the upscaling is no curve."""

    by: str = Field(
        "lanczos",
        description="lanczos, second-pass (SDXL over the larger picture), or a .safetensors file that spandrel knows",
    )
    factor: Number = Field(
        2.0, ge=1, le=8, description="how much larger the video's pictures are than the painted ones"
    )
    tile: Whole = Field(
        512,
        ge=128,
        le=8192,
        description="pixels of the picture that a file's network sees at once; smaller takes less memory",
    )


def upscale_by_word(value: Any) -> Any:
    """`upscale: 2` is short for `upscale: {factor: 2}`, `upscale: second-pass` for `upscale: {by: second-pass}`."""
    if isinstance(value, str):
        return {"by": value}
    return {"factor": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


UpscaleCurves: Any = curves("UpscaleCurves", Upscale, Upscaled)


class Finished(Section):
    """What of the output is about its pictures."""

    upscale: Annotated[UpscaleCurves | None, BeforeValidator(upscale_by_word)] = Field(
        None, description="larger pictures for the video, made of the finished ones"
    )
    interpolate: Whole = Field(
        1, ge=1, le=8, description="pictures of the video for each frame of the film; between them by flow"
    )


def upscale_file(scene: Scene) -> Iterator[tuple[Path, str]]:
    """The path and the value of the setting that names a network's file, if there is one."""
    upscale = scene.settings.output.upscale
    if upscale is not None and upscale.by not in WAYS:
        yield FILE, upscale.by


def _broken(file: FilePath) -> str | None:
    """Why no network can be read from a .safetensors file; None where its header is one."""
    try:
        lora_file.shapes(file)
    except ModelError as error:
        return str(error)
    return None


def upscale_problems(scene: Scene) -> Iterator[Problem]:
    """What is wrong with the file, its library, and the size that comes out."""
    upscale = scene.settings.output.upscale
    if upscale is None:
        return
    for path, name in upscale_file(scene):
        file = scene.file(path, name)
        if file.suffix != ".safetensors":
            known = f"known: {', '.join(WAYS)}, or a .safetensors file; files of other kinds can run code"
            yield scene.problem(
                path, f"{name!r} is no way to upscale; {known} (docs/upscale.md converts them)"
            )
        elif not is_file(file):
            yield scene.problem(path, f"no such file: {file}")
        elif find_spec("spandrel") is None:
            yield scene.problem(
                path, "files are read by spandrel, which is not installed: pip install 'animator[upscale]'"
            )
        elif why := _broken(file):
            yield scene.problem(path, why)
    if max(size := [side * upscale.factor for side in scene.size]) > MOST:
        message = f"the video would be {size[0]:.0f}x{size[1]:.0f} pixels; at most {MOST} to a side"
        yield scene.problem(("output", "upscale"), message)
