"""Scene → a schedule file that renders the same film anywhere on this machine: nothing extended, nothing left out."""

from __future__ import annotations

from typing import Any

import yaml

from animator.scene.footage import FILE
from animator.scene.masks import mask_files
from animator.scene.model import DEPTHS, REFERENCES
from animator.scene.scene import Scene
from animator.scene.strict import Strict
from animator.scene.variables import escape
from animator.scene.views import view_files


class _Dumper(yaml.SafeDumper):
    """Writes text so that our loader reads it as text again."""

    yaml_implicit_resolvers = Strict.yaml_implicit_resolvers


def resolved(scene: Scene) -> str:
    """`scene` as YAML: presets and variables filled in, every default written, paths absolute."""
    data: dict[str, Any] = scene.settings.model_dump(mode="json", exclude={"vars"}, exclude_none=True)
    size = f"{scene.size.width}x{scene.size.height}"
    video = {"size": size, "fps": scene.settings.video.fps, "frames": scene.frames}
    data["video"] = video | {k: v for k, v in data["video"].items() if k not in (*video, "duration")}
    model = scene.settings.model
    for name, value in (("base", model.base), ("config", model.config)):
        if value not in (None, "nano") and scene.file(("model", name), value).exists():
            data["model"][name] = str(scene.file(("model", name), value))
    _loaded(scene, data)
    if scene.settings.audio is not None:
        data["audio"]["file"] = str(scene.file(("audio", "file"), scene.settings.audio.file))
    if scene.settings.paint is not None:
        del data["cadence"]  # one of them says which frames are painted
    if scene.settings.grade.color_reference not in REFERENCES:
        name = scene.settings.grade.color_reference
        data["grade"]["color_reference"] = str(scene.file(("grade", "color_reference"), name))
    if scene.settings.start.image is not None:
        data["start"]["image"] = str(scene.file(("start", "image"), scene.settings.start.image))
    if scene.settings.footage.file is not None:
        data["footage"]["file"] = str(scene.file(FILE, scene.settings.footage.file))
    for (section, mask, setting), file in mask_files(scene):
        data[section][mask][setting] = str(scene.file((section, mask, setting), file))
    for (section, time), file in view_files(scene):
        data[section][time] = str(scene.file((section, time), file))
    motion = scene.settings.motion
    if motion.depth not in DEPTHS:
        data["motion"]["depth"] = str(scene.file(("motion", "depth"), motion.depth))
    if scene.file(("motion", "depth_model"), motion.depth_model).exists():
        data["motion"]["depth_model"] = str(scene.file(("motion", "depth_model"), motion.depth_model))
    return yaml.dump(escape(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _loaded(scene: Scene, data: dict[str, Any]) -> None:
    """Write the paths of what is loaded beside the model, and of styles, into `data`."""
    model, styles = scene.settings.model, scene.settings.prompts.styles_file
    for name, lora in model.loras.items():
        path = ("model", "loras", name, "file")
        data["model"]["loras"][name]["file"] = str(scene.file(path, lora.file))
    for name, file in model.embeddings.items():
        data["model"]["embeddings"][name] = str(scene.file(("model", "embeddings", name), file))
    if styles is not None:
        data["prompts"]["styles_file"] = str(scene.file(("prompts", "styles_file"), styles))
