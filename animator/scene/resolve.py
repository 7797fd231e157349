"""Scene → a complete schedule file that renders the same film from any folder of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from animator.errors import Path
from animator.scene.control import control_files
from animator.scene.footage import FILE
from animator.scene.ip_adapter import adapter_files
from animator.scene.refiner import BASE as REFINER
from animator.scene.scene import Scene
from animator.scene.settings import DEPTHS, REFERENCES
from animator.scene.settings_images import mask_files
from animator.scene.strict import Strict
from animator.scene.upscale import upscale_file
from animator.scene.variables import escape
from animator.scene.views import view_files


class _Dumper(yaml.SafeDumper):
    """YAML writer that quotes text which our loader would otherwise read as another type."""

    yaml_implicit_resolvers = Strict.yaml_implicit_resolvers


def resolved(scene: Scene) -> str:
    """Return `scene` as YAML, with presets and variables filled in, every default written, and absolute paths."""
    data: dict[str, Any] = scene.settings.model_dump(mode="json", exclude={"vars"}, exclude_none=True)
    size = f"{scene.size.width}x{scene.size.height}"
    video = {"size": size, "fps": scene.settings.video.fps, "frames": scene.frames}
    data["video"] = video | {k: v for k, v in data["video"].items() if k not in (*video, "duration")}
    if scene.settings.paint is not None:
        del data["cadence"]  # `cadence` and `paint` exclude each other
    for path, name in _files(scene):
        holder = data
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = str(scene.file(path, name))
    return written(escape(data))


def _files(scene: Scene) -> Iterator[tuple[Path, str]]:
    """Yield the path and the value of every setting that names a file or a folder on this machine."""
    settings = scene.settings
    model, motion, reference = settings.model, settings.motion, settings.grade.color_reference
    named: dict[Path, str | None] = {
        **{("model", "loras", name, "file"): lora.file for name, lora in model.loras.items()},
        **{("model", "embeddings", word): file for word, file in model.embeddings.items()},
        ("prompts", "styles_file"): settings.prompts.styles_file,
        ("audio", "file"): None if settings.audio is None else settings.audio.file,
        ("start", "image"): settings.start.image,
        FILE: settings.footage.file,
        ("grade", "color_reference"): None if reference in REFERENCES else reference,
        ("motion", "depth"): None if motion.depth in DEPTHS else motion.depth,
    }
    yield from ((path, name) for path, name in named.items() if name is not None)
    for files in (mask_files, control_files, view_files, upscale_file, adapter_files):
        yield from files(scene)
    maybe: dict[Path, str | None] = {  # files, folders, or else hub ids
        ("model", "base"): None if model.base == "nano" else model.base,
        ("model", "config"): model.config,
        ("model", "vae"): model.vae,
        REFINER: None if model.refiner is None else model.refiner.base,
        ("motion", "depth_model"): motion.depth_model,
        **{("ip_adapter", name, "model"): adapter.model for name, adapter in settings.ip_adapter.items()},
        **{("control", name, "model"): control.model for name, control in settings.control.items()},
    }
    for path, name in maybe.items():
        if name is not None and scene.file(path, name).exists():
            yield path, name


def written(data: dict[str, Any]) -> str:
    """Return plain data as YAML text that our loader reads back as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
