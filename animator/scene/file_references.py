"""Every file that a scene names, found by the types of its settings."""

from __future__ import annotations

from collections.abc import Iterator

from animator.errors import SettingPath
from animator.scene.scene import Scene
from animator.scene.settings import COLOR_REFERENCES, DEPTH_SOURCES
from animator.scene.settings_images import FOOTAGE_FILE, MASK_FILES
from animator.scene.settings_models import HINT_FILES
from animator.scene.settings_models import REFINER_BASE as REFINER
from animator.scene.settings_output import UPSCALE_METHODS, UPSCALE_SETTING


def control_files(scene: Scene) -> Iterator[tuple[SettingPath, str]]:
    """Yield the path and the value of every setting that names an image or a video for a hint."""
    for name, control in scene.settings.control.items():
        for kind in HINT_FILES:
            if getattr(control, kind) is not None:
                yield ("control", name, kind), getattr(control, kind)


def adapter_files(scene: Scene) -> Iterator[tuple[SettingPath, str]]:
    """Yield the path and the value of every setting that names an IP-Adapter's image."""
    for name, adapter in scene.settings.ip_adapter.items():
        yield ("ip_adapter", name, "file"), adapter.file


def files_of(scene: Scene) -> Iterator[tuple[SettingPath, str]]:
    """Yield the path and the value of every setting that names a file or a folder on this machine."""
    settings = scene.settings
    model, motion, reference = settings.model, settings.motion, settings.grade.color_reference
    named: dict[SettingPath, str | None] = {
        **{("model", "loras", name, "file"): lora.file for name, lora in model.loras.items()},
        **{("model", "embeddings", word): file for word, file in model.embeddings.items()},
        ("prompts", "styles_file"): settings.prompts.styles_file,
        ("audio", "file"): None if settings.audio is None else settings.audio.file,
        ("start", "image"): settings.start.image,
        FOOTAGE_FILE: settings.footage.file,
        ("grade", "color_reference"): None if reference in COLOR_REFERENCES else reference,
        ("motion", "depth"): None if motion.depth in DEPTH_SOURCES else motion.depth,
    }
    yield from ((path, name) for path, name in named.items() if name is not None)
    for files in (mask_files, control_files, view_files, upscale_files, adapter_files):
        yield from files(scene)
    maybe: dict[SettingPath, str | None] = {  # files, folders, or else hub ids
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


def mask_files(scene: Scene) -> Iterator[tuple[SettingPath, str]]:
    """Yield the path and the value of every setting that names a mask's file."""
    for name, mask in scene.settings.masks.items():
        if mask.source in MASK_FILES:
            yield ("masks", name, mask.source), getattr(mask, mask.source)


def upscale_files(scene: Scene) -> Iterator[tuple[SettingPath, str]]:
    """Yield the path and the value of the setting that names a network's file, if it does."""
    upscale = scene.settings.output.upscale
    if upscale is not None and upscale.by not in UPSCALE_METHODS:
        yield UPSCALE_SETTING, upscale.by


def view_files(scene: Scene) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the path and the value of every setting that names a view's image."""
    return ((("views", time), file) for time, file in scene.settings.views.items())
