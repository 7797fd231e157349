"""The IP-Adapters of a schedule file: pictures whose style or subject is painted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from animator.errors import Path, Problem, quoted
from animator.frame import Likeness
from animator.scene.fields import Section, curves
from animator.scene.presets import is_file

if TYPE_CHECKING:
    from animator.scene.scene import Scene


class Adapter(Section):
    """What of an IP-Adapter is no curve."""

    file: str = Field(description="picture whose style or subject is painted")
    takes: Literal["whole", "style", "layout"] = Field(
        "whole",
        description="what of the picture: all of it, how it is painted, or what stands where in it",
    )
    model: str = Field(
        "h94/IP-Adapter", description="hub id or folder that holds the adapter and its image encoder"
    )
    weights: str = Field(
        "sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
        description="the adapter in it, a .safetensors file for SDXL",
    )
    encoder: str = Field(
        "models/image_encoder", description="folder in it of the image encoder the adapter was made for"
    )


AdapterCurves: Any = curves("AdapterCurves", Likeness, Adapter)


def adapter_files(scene: Scene) -> Iterator[tuple[Path, str]]:
    """The path and the value of every setting that names a picture."""
    for name, adapter in scene.settings.ip_adapter.items():
        yield ("ip_adapter", name, "file"), adapter.file


def adapter_problems(scene: Scene) -> Iterator[Problem]:
    """What is wrong with the adapters' names and files."""
    for path, file in adapter_files(scene):
        if not is_file(scene.file(path, file)):
            yield scene.problem(path, f"no such file: {scene.file(path, file)}")
    adapters = scene.settings.ip_adapter
    for name, adapter in adapters.items():
        path = ("ip_adapter", name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
            message = f"{quoted(name)} cannot name an IP-Adapter: write letters, digits and _"
            yield Problem(scene.document.name(path), path, message)
        if not adapter.weights.endswith(".safetensors"):
            message = f"{quoted(adapter.weights)}: only .safetensors files are loaded; others can run code"
            yield scene.problem((*path, "weights"), message)
    if len({(adapter.model, adapter.encoder) for adapter in adapters.values()}) > 1:
        yield scene.problem(
            ("ip_adapter",), "all IP-Adapters of a film share one image encoder; give them one model"
        )
