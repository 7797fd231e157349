"""Settings for upscaling finished frames and for interpolating frames between them."""

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

WAYS = ("lanczos", "second-pass")  # values of `by`; any other is a file
MOST = 8192  # pixels per side, as for video.size
FILE: Path = ("output", "upscale", "by")


class Upscaled(Section):
    """Upscaling settings that cannot change over time."""

    by: str = Field(
        "lanczos",
        description="lanczos, second-pass (SDXL over the enlarged image), or a .safetensors file that spandrel knows",
    )
    factor: Number = Field(
        2.0, ge=1, le=8, description="size of the video's frames relative to the painted frames"
    )
    tile: Whole = Field(
        512,
        ge=128,
        le=8192,
        description="side in pixels of the tiles that a file's network processes; smaller tiles need less memory",
    )


def upscale_by_word(value: Any) -> Any:
    """Expand the short forms: `upscale: 2` means `{factor: 2}`, `upscale: second-pass` means `{by: second-pass}`."""
    if isinstance(value, str):
        return {"by": value}
    return {"factor": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


UpscaleCurves: Any = curves("UpscaleCurves", Upscale, Upscaled)


class Finished(Section):
    """Output settings that resize or interpolate frames."""

    upscale: Annotated[UpscaleCurves | None, BeforeValidator(upscale_by_word)] = Field(
        None, description="enlargement of the finished frames for the video"
    )
    interpolate: Whole = Field(
        1,
        ge=1,
        le=8,
        description="frames of the video per frame of the film; the added ones are interpolated by flow",
    )


def upscale_file(scene: Scene) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value of the setting that names a network's file, if it does."""
    upscale = scene.settings.output.upscale
    if upscale is not None and upscale.by not in WAYS:
        yield FILE, upscale.by


def _broken(file: FilePath) -> str | None:
    """Return the reason a .safetensors file cannot be read; None if its header is valid."""
    try:
        lora_file.shapes(file)
    except ModelError as error:
        return str(error)
    return None


def upscale_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of upscaling: its file, a missing library, and a video that is too large."""
    upscale = scene.settings.output.upscale
    if upscale is None:
        return
    for path, name in upscale_file(scene):
        file = scene.file(path, name)
        if file.suffix != ".safetensors":
            known = f"known: {', '.join(WAYS)}, or a .safetensors file; files of other kinds can run code"
            yield scene.problem(
                path, f"{name!r} is not an upscaling method; {known} (see docs/upscale.md to convert them)"
            )
        elif not is_file(file):
            yield scene.problem(path, f"no such file: {file}")
        elif find_spec("spandrel") is None:
            yield scene.problem(
                path, "this file needs spandrel, which is not installed: pip install 'animator[upscale]'"
            )
        elif why := _broken(file):
            yield scene.problem(path, why)
    if max(size := [side * upscale.factor for side in scene.size]) > MOST:
        message = f"the video would be {size[0]:.0f}x{size[1]:.0f} pixels; at most {MOST} per side"
        yield scene.problem(("output", "upscale"), message)
