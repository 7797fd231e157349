"""IP-Adapter settings of a schedule file: images whose style or subject is painted."""

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
    """IP-Adapter settings that cannot change over time."""

    file: str = Field(description="image whose style or subject is painted")
    takes: Literal["whole", "style", "layout"] = Field(
        "whole",
        description="part of the image that is used: everything, its style, or the layout of its objects",
    )
    model: str = Field(
        "h94/IP-Adapter", description="hub id or folder with the adapter and its image encoder"
    )
    weights: str = Field(
        "sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
        description="path of the adapter in `model`, a .safetensors file for SDXL",
    )
    encoder: str = Field(
        "models/image_encoder",
        description="folder in `model` with the image encoder that the adapter was made for",
    )


AdapterCurves: Any = curves("AdapterCurves", Likeness, Adapter)


def adapter_files(scene: Scene) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value of every setting that names an IP-Adapter's image."""
    for name, adapter in scene.settings.ip_adapter.items():
        yield ("ip_adapter", name, "file"), adapter.file


def adapter_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the IP-Adapters: names, files, and different image encoders."""
    for path, file in adapter_files(scene):
        if not is_file(scene.file(path, file)):
            yield scene.problem(path, f"no such file: {scene.file(path, file)}")
    adapters = scene.settings.ip_adapter
    for name, adapter in adapters.items():
        path = ("ip_adapter", name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
            message = f"{quoted(name)} cannot name an IP-Adapter: use letters, digits and _"
            yield Problem(scene.document.name(path), path, message)
        if not adapter.weights.endswith(".safetensors"):
            message = f"{quoted(adapter.weights)}: only .safetensors files are loaded; others can run code"
            yield scene.problem((*path, "weights"), message)
    if len({(adapter.model, adapter.encoder) for adapter in adapters.values()}) > 1:
        yield scene.problem(
            ("ip_adapter",), "all IP-Adapters of a film share one image encoder; give them one model"
        )
