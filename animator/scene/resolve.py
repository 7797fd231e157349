"""Scene → a complete schedule file that renders the same film from any folder of this machine."""

from __future__ import annotations

from typing import Any

import yaml

from animator.scene.file_references import files_of
from animator.scene.parse import StrictLoader
from animator.scene.scene import Scene
from animator.scene.variables import escape_braces


class _Dumper(yaml.SafeDumper):
    """YAML writer that quotes text which our loader would otherwise read as another type."""

    yaml_implicit_resolvers = StrictLoader.yaml_implicit_resolvers


class InlineMapping(dict[Any, Any]):
    """A mapping that `dump_yaml` writes on one line: `{size: 512x512, fps: 15}`."""


_Dumper.add_representer(
    InlineMapping,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True),
)


def to_yaml(scene: Scene) -> str:
    """Return `scene` as YAML, with presets and variables filled in, every default written, and absolute paths."""
    data: dict[str, Any] = scene.settings.model_dump(mode="json", exclude={"vars"}, exclude_none=True)
    size = f"{scene.size.width}x{scene.size.height}"
    video = {"size": size, "fps": scene.settings.video.fps, "frames": scene.frames}
    data["video"] = video | {k: v for k, v in data["video"].items() if k not in (*video, "duration")}
    if scene.settings.paint is not None:
        del data["cadence"]  # `cadence` and `paint` exclude each other
    for path, name, _ in files_of(scene):
        holder = data
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = str(scene.file(path, name))
    return dump_yaml(escape_braces(data))


def dump_yaml(data: dict[str, Any], width: int = 100) -> str:
    """Return plain data as YAML text, in lines of `width` characters, that our loader reads back as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)
