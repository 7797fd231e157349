"""Checks that the models a schedule names exist and fit SDXL, from names, configs and headers, loading none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from animator.errors import ModelError, Problem, quote_text
from animator.errors import SettingPath as Place
from animator.models import families, safetensors
from animator.models.safetensors import checkpoint_text_width
from animator.scene.fields import FileRef
from animator.scene.file_references import references_of
from animator.scene.painters import DEFAULT_FAMILY, other_families, painter_family
from animator.scene.parse import is_file
from animator.scene.scene import Scene
from animator.scene.settings_models import split_scale

BASE_SETTING: Place = ("model", "base")

# Channels on each level of the UNet. A model on the hub is taken for SDXL: no other kind is supported.
NANO_LEVELS, SDXL_LEVELS = (64, 96, 160), (320, 640, 1280)


def check_models(scene: Scene) -> Iterator[Problem]:
    """Yield problems of existing models: checkpoint, ControlNets, IP-Adapters, embeddings, and blocks of LoRAs.

    A model of another family than SDXL is checked by its plug-in, when it is loaded.
    """
    if painter_family(scene) != DEFAULT_FAMILY:
        return
    if scene.settings.control or scene.settings.ip_adapter:
        yield from control_misfits(scene)
    if scene.settings.model.base != "nano":
        yield from _check_base(scene)
    yield from _check_ip_adapters(scene)
    yield from _check_embeddings(scene)
    channels = _unet_channels(scene)
    if channels:
        yield from _check_controlnets(scene, channels)
        yield from _check_lora_blocks(scene, len(channels))


def require_models(scene: Scene) -> None:
    """Raise ModelError for missing models of SDXL. Call it before painting only: a preview needs no models."""
    problems = [
        f"{'.'.join(path)} {quote_text(model)}: no such folder or file; allowed: {_allowed_values(path, ref)}"
        for path, model, ref in references_of(scene)
        if ref.kind == "model" and ref.hub and _is_missing(scene.file(path, model), model)
    ]
    if problems:
        raise ModelError("\n".join(problems))


def _allowed_values(path: Place, ref: FileRef) -> str:
    """Return the allowed values of a setting. A refiner or an IP-Adapter has several files, so it cannot be one."""
    found = [*ref.names, "a hub id", "a folder", *([f"a {ref.suffix} file"] if ref.suffix else [])]
    return ", ".join(found + [f"a model of {name}" for name in other_families() if path == BASE_SETTING])


def _check_base(scene: Scene) -> Iterator[Problem]:
    base = scene.settings.model.base
    place = scene.file(BASE_SETTING, base)
    if families.is_pickle(place):
        yield scene.problem(
            BASE_SETTING, f"{quote_text(base)}: only .safetensors files are loaded; others can run code"
        )
        return
    if place.suffix == ".safetensors" and is_file(place):
        try:
            safetensors.tensor_shapes(place)
        except ModelError as error:
            yield scene.problem(BASE_SETTING, str(error))
    width = checkpoint_text_width(base, place)
    if width in families.UNSUPPORTED_WIDTHS:
        yield scene.problem(
            BASE_SETTING,
            f"{base} is {families.FAMILY_BY_TEXT_WIDTH[width]}; only SDXL checkpoints are supported",
        )


def _is_missing(place: Path, model: str) -> bool:
    """Return whether `model` is missing at `place` and no hub id either: models/sdxl is a path if models/ exists."""
    try:
        hub = (
            families.HUB_ID.fullmatch(model) and place.suffix != ".safetensors" and not place.parent.is_dir()
        )
        return not place.exists() and not hub
    except (OSError, ValueError):  # the OS rejects the name
        return True


def _unet_channels(scene: Scene) -> tuple[int, ...]:
    """Return the channels on each level of the checkpoint's UNet; () if unknown before loading it."""
    base = scene.settings.model.base
    if base == "nano":
        return NANO_LEVELS
    place = scene.file(BASE_SETTING, base)
    if families.HUB_ID.fullmatch(base) and _is_missing(place, "") and place.suffix != ".safetensors":
        return SDXL_LEVELS
    return _folder_channels(place)


def _folder_channels(folder: Path) -> tuple[int, ...]:
    """Return the channels on each level of the network in a folder, from its config; () without a config."""
    from animator.models import safetensors

    try:
        return safetensors.channel_levels(safetensors.read_config(folder)) if folder.is_dir() else ()
    except OSError:  # the OS rejects the name
        return ()


def _check_controlnets(scene: Scene, channels: tuple[int, ...]) -> Iterator[Problem]:
    """Yield problems of ControlNets whose config has the checkpoint's text width but other channels."""
    from animator.models import safetensors

    wanted = checkpoint_text_width(
        scene.settings.model.base, scene.file(BASE_SETTING, scene.settings.model.base)
    )
    for name, control in scene.settings.control.items():
        path: Place = ("control", name, "model")
        folder = scene.file(path, control.model)
        found = _folder_channels(folder)
        if found and found != channels and safetensors.text_width(folder) in (None, wanted):
            yield scene.problem(path, "made for a UNet of another size; use one for this checkpoint")


def _check_lora_blocks(scene: Scene, levels: int) -> Iterator[Problem]:
    """Yield problems of LoRA blocks that the UNet does not have."""
    for name, written in scene.settings.loras.items():
        for block in split_scale(written)[1]:
            way, _, number = str(block).partition("_")
            if number and int(number) >= levels:
                message = f"this model has no such block; its last is {way}_{levels - 1}"
                yield scene.problem(("loras", name, "blocks", str(block)), message)


def _check_ip_adapters(scene: Scene) -> Iterator[Problem]:
    """Yield problems of IP-Adapter folders without weights or without an image encoder."""
    for name, adapter in scene.settings.ip_adapter.items():
        path: Place = ("ip_adapter", name)
        folder = scene.file((*path, "model"), adapter.model)
        if _is_missing(folder, adapter.model) or not folder.is_dir():
            continue
        if adapter.weights.endswith(".safetensors") and not is_file(folder / adapter.weights):
            yield scene.missing_file((*path, "weights"), f"no such file: {folder / adapter.weights}")
        if not is_file(folder / adapter.encoder / "config.json"):
            message = f"no image encoder in {folder / adapter.encoder}: it has no config.json"
            yield scene.problem((*path, "encoder"), message)


def _check_embeddings(scene: Scene) -> Iterator[Problem]:
    """Yield problems of textual inversions without vectors for both of SDXL's text encoders."""
    from animator.models import safetensors

    for word, name in scene.settings.model.embeddings.items():
        path = ("model", "embeddings", word)
        file: Path = scene.file(path, name)
        if file.suffix != ".safetensors" or not is_file(file):
            continue
        try:
            why = safetensors.inversion_mismatch(file)
        except ModelError as error:
            why = str(error)
        if why is not None:
            yield scene.problem(path, why)


def control_misfits(scene: Scene) -> Iterator[Problem]:
    """Yield ControlNets and IP-Adapters that do not fit the checkpoint, by their configs and headers.

    Also yields ControlNet files that are missing or are not .safetensors.
    """
    from animator.models import safetensors

    base = scene.settings.model.base
    wanted = checkpoint_text_width(base, scene.file(BASE_SETTING, base))
    for name, adapter in scene.settings.ip_adapter.items():
        path = ("ip_adapter", name, "weights")
        place = scene.file(("ip_adapter", name, "model"), adapter.model) / adapter.weights
        if place.suffix == ".safetensors" and (
            why := safetensors.text_width_mismatch(safetensors.text_width(place), wanted)
        ):
            yield scene.problem(path, why)
    for name, control in scene.settings.control.items():
        path = ("control", name, "model")
        place = scene.file(path, control.model)
        if families.is_pickle(place):
            yield scene.problem(path, "only .safetensors files are loaded; others can run code")
        elif place.suffix == ".safetensors" and not is_file(place):
            yield scene.missing_file(path, f"no such file: {place}")
        elif place.exists() and (
            why := safetensors.text_width_mismatch(safetensors.text_width(place), wanted)
        ):
            yield scene.problem(path, why)
        yield from _union_mode_problems(scene, name, place)


def _union_mode_problems(scene: Scene, name: str, place: Path) -> Iterator[Problem]:
    """Yield the problem of a hint type that a Union ControlNet, a folder, does not support."""
    from animator.models import safetensors

    most = safetensors.read_config(place).get("num_control_type") if place.is_dir() else None
    mode = scene.settings.control[name].mode
    if most is not None and mode is None:
        yield scene.problem(
            ("control", name), "a Union model needs to know what the image shows; add e.g. 'shows: canny'"
        )
    elif most is not None and mode is not None and mode >= most:
        yield scene.problem(
            ("control", name), f"this Union model supports {most} kinds of hints, but not this one"
        )
