"""Checks of a read scene: settings that contradict each other, names that lead nowhere, files that do not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any

from animator.errors import ModelError, Problem, SettingPath, quote_text, short_repr, suggest
from animator.models import families, lora_file, safetensors
from animator.models.families import LATENT_SCALE
from animator.models.safetensors import checkpoint_text_width
from animator.scene.file_references import files_at, files_of
from animator.scene.parse import is_file
from animator.scene.scene import Scene, parse_seconds
from animator.scene.settings import MAX_FRAMES
from animator.scene.settings_images import EVERYWHERE, FOOTAGE_FILE, MASK_SOURCES, WHOLE_PRODUCT
from animator.scene.settings_models import REFINER_BASE, SDXL_VAES, declared_loras
from animator.scene.settings_output import MAX_UPSCALED_SIDE, UPSCALE_METHODS, UPSCALE_SETTING
from animator.scene.settings_product import PRODUCT_MODEL
from animator.scene.styles import _own_styles


def missing_file_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of files that are missing, or of a type that is not loaded. Missing models are found later."""
    for path, name, ref in files_of(scene):
        if ref.hub:
            continue
        file = scene.file(path, name)
        facts = {"name": name, "quoted": quote_text(name), "file": file, "names": ", ".join(ref.names)}
        if ref.suffix and file.suffix != ref.suffix:
            yield scene.problem(path, ref.refused.format(**facts))
        elif not all(map(is_file, files_at(file, ref) or [FilePath()])):
            yield scene.missing_file(path, ref.missing.format(**facts))


def unreadable_file_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of existing images and videos, from their headers: unreadable, unsuitable or too short."""
    for path, name, ref in files_of(scene):
        for file in filter(is_file, files_at(scene.file(path, name), ref)):
            try:
                seconds = _read_header(file, ref.kind)
                if ref.kind == "video":
                    _check_length(scene, path, seconds)
            except (OSError, ValueError) as error:
                yield scene.problem(path, ref.unreadable.format(file=file, error=error))
            else:
                start = scene.settings.footage.start
                if path == FOOTAGE_FILE and start >= seconds:
                    says = f"{start:g}: the video ends after {seconds:g} seconds"
                    yield scene.problem(("footage", "start"), says)


def _read_header(file: FilePath, kind: str) -> float:
    """Read the header of an image or a video; return a video's seconds, otherwise 0. Raises OSError, ValueError."""
    if kind == "video":
        from animator.imaging.io import duration

        return duration(file)
    if kind in ("mask", "cutout"):
        from animator.imaging.masks import verify_mask_file

        verify_mask_file(file, alpha=kind == "cutout")
    elif kind == "image":
        from animator.imaging.io import verify_image

        verify_image(file)
    return 0.0


def _check_length(scene: Scene, path: SettingPath, seconds: float) -> None:
    """Raise ValueError if the video at `path` is a mask's, and too short for the film."""
    frames = round(seconds * scene.settings.video.fps)
    if path[0] == "masks" and frames < scene.frames and scene.settings.masks[path[1]].after is None:
        film = f"it has {frames} frames, the film has {scene.frames}"
        raise ValueError(f"{film}; add 'after: hold' or 'after: loop' for the rest")


DETECTED_HINTS = ("lineart", "openpose")  # hints that controlnet-aux computes

INSTALL_CONTROL = "pip install 'animator[control]'"


def control_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the ControlNets: names, sources, missing libraries."""
    for name, control in scene.settings.control.items():
        path = ("control", name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
            message = f"{quote_text(name)} cannot name a ControlNet: use letters, digits and _"
            yield Problem(scene.document.key_place(path), path, message)
        if control.file is not None and control.video is not None:
            yield scene.problem(path, "give either 'file' or 'video', not both")
        if control.hint in DETECTED_HINTS and find_spec("controlnet_aux") is None:
            message = f"{control.hint} needs controlnet-aux, which is not installed: {INSTALL_CONTROL}"
            yield scene.problem((*path, "hint"), message)


PRODUCT_HINTS = ("shape", "normal", "depth", "lineart", "mask")  # hints that a 3D product gives

# Settings that have no effect on a product film, whose frames are not painted over one another.
UNUSED_WITH_PRODUCT = ("start", "views", "footage", "lock", "detail")


def product_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the 3D product: its library, its model, the names of its parts, and what needs a product."""
    product = scene.settings.product
    if product is None:
        missing = "there is no 3D product: add 'product:'"
        yield from _product_hint_problems(
            scene, ("normal", "mask", "shape"), "needs a 3D product: add 'product:'"
        )
        yield from (scene.problem(("masks", name, "part"), missing) for name, _ in _part_masks(scene))
        return
    kinds = [kind for kind in (*DETECTED_HINTS, "picture", "canny") if kind not in PRODUCT_HINTS]
    known = ", ".join(PRODUCT_HINTS)
    yield from _product_hint_problems(scene, kinds, f"a 3D product gives the hints {known}")
    file = scene.file(PRODUCT_MODEL, product.model)
    if find_spec("embreex") is None:
        message = "a 3D product needs embreex, which is not installed: pip install 'animator[product3d]'"
        yield scene.problem(PRODUCT_MODEL, message)
    elif is_file(file):
        from animator.product.mesh import MeshError, load_model

        try:
            model = load_model(file, up=product.up, front=product.front, units=product.units)
        except MeshError as error:
            yield scene.problem(PRODUCT_MODEL, str(error))
            return
        yield from _part_problems(scene, [part.name for part in model.parts])


def _part_problems(scene: Scene, names: Sequence[str]) -> Iterator[Problem]:
    """Yield problems of settings that name a part which the model, with parts `names`, does not have."""
    for name in scene.settings.product.parts if scene.settings.product is not None else ():
        if name not in names:
            path: SettingPath = ("product", "parts", name)
            message = f"the model has no part {quote_text(name)}; {suggest(name, names)}"
            yield Problem(scene.document.key_place(path), path, message)
    for name, part in _part_masks(scene):
        if part not in (*names, WHOLE_PRODUCT):
            message = f"the model has no part {quote_text(part)}; {suggest(part, names)}; or '*' for all"
            yield scene.problem(("masks", name, "part"), message)


def _part_masks(scene: Scene) -> list[tuple[str, str]]:
    """Return name and part of each mask of a part of the product."""
    return [(name, mask.part) for name, mask in scene.settings.masks.items() if mask.part is not None]


def _product_hint_problems(scene: Scene, kinds: Iterable[str], message: str) -> Iterator[Problem]:
    """Yield `message` as the problem of each ControlNet whose hint is one of `kinds`."""
    for name, control in scene.settings.control.items():
        if control.hint in kinds:
            yield scene.problem(("control", name, "hint"), f"{control.hint}: {message}")


def product_notes(scene: Scene) -> Iterator[Problem]:
    """Yield a note for each setting that has no effect on a film of a 3D product."""
    if scene.settings.product is None:
        return
    for name in UNUSED_WITH_PRODUCT:
        if name in scene.settings.model_fields_set:
            yield scene.problem(
                (name,), "has no effect on a film of a 3D product, whose frames are drawn exactly"
            )


def footage_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of settings that need footage, if there is none."""
    footage = scene.settings.footage
    if footage.file is not None:
        return
    if footage != type(footage)():
        yield scene.problem(("footage",), "there is no video; write e.g. 'file: street.mp4'")
    if scene.settings.grade.color_reference == "footage":
        message = "there is no footage; add e.g. 'footage: {file: street.mp4, alpha: 0}'"
        yield scene.problem(("grade", "color_reference"), message)


def adapter_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the IP-Adapters: names, weights, and different image encoders."""
    adapters = scene.settings.ip_adapter
    for name, adapter in adapters.items():
        path = ("ip_adapter", name)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
            message = f"{quote_text(name)} cannot name an IP-Adapter: use letters, digits and _"
            yield Problem(scene.document.key_place(path), path, message)
        if not adapter.weights.endswith(".safetensors"):
            message = (
                f"{quote_text(adapter.weights)}: only .safetensors files are loaded; others can run code"
            )
            yield scene.problem((*path, "weights"), message)
    if len({(adapter.model, adapter.encoder) for adapter in adapters.values()}) > 1:
        yield scene.problem(
            ("ip_adapter",), "all IP-Adapters of a film share one image encoder; give them one model"
        )


def refiner_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the refiner's name or folder."""
    refiner = scene.settings.model.refiner
    if refiner is None:
        return
    place = scene.file(REFINER_BASE, refiner.base)
    if place.suffix == ".safetensors" or families.is_pickle(place):
        yield scene.problem(
            REFINER_BASE, "a refiner is a hub id or a diffusers folder; single files are not supported"
        )
    elif place.parent.is_dir() and place.parent != scene.folder and not place.is_dir():
        yield scene.problem(REFINER_BASE, f"no such folder: {place}")


def refiner_notes(scene: Scene) -> Iterator[Problem]:
    """Yield a note if the film has LoRAs, which a refiner does not apply."""
    model = scene.settings.model
    if model.refiner is not None and model.loras:
        names = ", ".join(model.loras)
        says = f"the refiner does not apply the LoRAs ({names}) and may remove their subject; check a frame"
        yield scene.problem(("model", "refiner"), says)


def running_problems(scene: Scene) -> Iterable[Problem]:
    """Yield problems of the runtime settings that the schedule file alone shows."""
    model = scene.settings.model
    if model.base == "nano" and model.vae in SDXL_VAES:
        yield scene.problem(("model", "vae"), f"{model.vae} is a VAE for SDXL; it does not fit nano")
    if model.vae is not None and families.is_pickle(model.vae):
        message = f"{quote_text(model.vae)}: only .safetensors files are loaded; others can run code"
        yield scene.problem(("model", "vae"), message)
    if model.compile == "on" and model.memory in ("balanced", "low"):
        yield scene.problem(
            ("model", "compile"), f"'on' cannot be combined with memory: {model.memory}; leave one out"
        )
    if model.tiling != "none" and any(side % LATENT_SCALE for side in scene.size):
        yield scene.problem(("model", "tiling"), "width and height must be multiples of 8 for tiling")


def check_scene(scene: Scene) -> Iterable[Problem]:
    """Yield problems that depend on several settings or on files."""
    video = scene.settings.video
    if video.frames is not None and video.duration is not None:
        yield scene.problem(("video", "duration"), "give either 'frames' or 'duration', not both")
    if video.duration is not None and not parse_seconds(video.duration) > 0:
        yield scene.problem(
            ("video", "duration"), f"{short_repr(video.duration)} is not a length; write seconds, e.g. 6s"
        )
    elif scene.frames > MAX_FRAMES:
        yield scene.problem(("video", "duration"), f"{scene.frames:,} frames; allowed 1..{MAX_FRAMES:,}")
    yield from lora_problems(scene)
    yield from style_problems(scene)
    yield from missing_file_problems(scene)
    yield from footage_problems(scene)
    yield from control_problems(scene)
    yield from product_problems(scene)
    yield from upscale_problems(scene)
    yield from refiner_problems(scene)
    yield from adapter_problems(scene)
    yield from mask_problems(scene)
    yield from running_problems(scene)
    if scene.settings.paint is not None and "cadence" in scene.settings.model_fields_set:
        yield scene.problem(("paint",), "give either 'cadence' or 'paint', not both")
    if video.loop == "closed" and scene.settings.cuts is not None:
        yield scene.problem(("cuts",), "a closed loop has no cuts; leave 'cuts' or 'loop: closed' out")
    seed = scene.settings.painting.seed
    if (seed.behavior == "schedule") != (seed.at is not None):
        yield scene.problem(("painting", "seed"), "'behavior: schedule' and 'at:' belong together")


def mask_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the masks: names and sources."""
    for name, mask in scene.settings.masks.items():
        path = ("masks", name)
        # From the document: the settings lack values that have a problem of their own.
        yield from (
            scene.problem(path, says) for says in _check_mask_sources(scene.document.data["masks"][name])
        )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name) or name == EVERYWHERE:
            message = f"{name!r} cannot name a mask: use letters, digits and _; {EVERYWHERE!r} is reserved"
            yield Problem(scene.document.key_place(path), path, message)
        if mask.depth is not None and scene.settings.motion.depth == "flat":
            message = "the image has no depth; choose a depth source, e.g. motion: {depth: proxy}"
            yield scene.problem((*path, "depth"), message)


def _check_mask_sources(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield messages about the sources of one mask."""
    for name in (name for name, value in written.items() if value is None):
        # An unquoted "#" leaves None: YAML reads the rest of the line as a comment.
        yield f'{name!r} has no value; a colour needs quotes: color: "#00ff00"'
    given = [name for name in MASK_SOURCES if name in written]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "none is given"
        yield f"a mask needs exactly one source of {', '.join(MASK_SOURCES)}; {found}"
    for extra, owner in (("within", "color"), ("after", "video")):
        if extra in written and given and given != [owner]:
            yield f"{extra!r} belongs to {owner!r}, not to {given[0]!r}"


def lora_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of LoRAs and embeddings: names, and LoRAs made for another model."""
    names = declared_loras(scene.document.data)
    for name in scene.settings.loras:
        if name not in names:
            known = suggest(name, names) if names else "none are declared there"
            yield scene.problem(("loras", name), f"no LoRA of that name in model.loras; {known}")
    for name, lora in scene.settings.model.loras.items():
        path = ("model", "loras", name, "file")
        file = scene.file(path, lora.file)
        if file.suffix == ".safetensors" and is_file(file):
            yield from _check_lora_fits(scene, path, file)
    for name in scene.settings.model.embeddings:
        here = ("model", "embeddings", name)
        if not re.fullmatch(r"[^\W_][\w-]*", name) or len(name) > 60:
            message = f"{quote_text(name)} cannot name an embedding: use one word of letters, digits, - and _"
            yield Problem(scene.document.key_place(here), here, message)


def _check_lora_fits(scene: Scene, path: SettingPath, file: FilePath) -> Iterator[Problem]:
    """Yield the problem of a LoRA that is unreadable or made for another model; only headers are read."""
    try:
        facts = lora_file.read_lora_info(file)
    except ModelError as error:
        yield scene.problem(path, str(error))
        return
    base = scene.settings.model.base
    width = checkpoint_text_width(base, scene.file(("model", "base"), base))
    if width is None or (facts.width in (None, width) and not facts.base.startswith("a transformer")):
        return
    model = families.FAMILY_BY_TEXT_WIDTH.get(width, f"a model with text embeddings of width {width}")
    remedy = f"set model.base to the model it was trained on, or use a LoRA for {model}"
    yield scene.problem(path, f"made for {facts.base}, but {base} is {model}; {remedy}")


def style_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of the scene's styles file."""
    yield from _own_styles(scene)[1]


def _unreadable_reason(file: FilePath) -> str | None:
    """Return the reason a .safetensors file cannot be read; None if its header is valid."""
    try:
        safetensors.tensor_shapes(file)
    except ModelError as error:
        return str(error)
    return None


def upscale_problems(scene: Scene) -> Iterator[Problem]:
    """Yield problems of upscaling: an unreadable file, a missing library, and a video that is too large."""
    upscale = scene.settings.output.upscale
    if upscale is None:
        return
    file = scene.file(UPSCALE_SETTING, upscale.by)
    if upscale.by not in UPSCALE_METHODS and file.suffix == ".safetensors" and is_file(file):
        if find_spec("spandrel") is None:
            missing = "this file needs spandrel, which is not installed: pip install 'animator[upscale]'"
            yield scene.problem(UPSCALE_SETTING, missing)
        elif why := _unreadable_reason(file):
            yield scene.problem(UPSCALE_SETTING, why)
    if max(size := [side * upscale.factor for side in scene.size]) > MAX_UPSCALED_SIDE:
        message = (
            f"the video would be {size[0]:.0f}x{size[1]:.0f} pixels; at most {MAX_UPSCALED_SIDE} per side"
        )
        yield scene.problem(("output", "upscale"), message)
