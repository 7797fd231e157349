"""Documents → Scene and problems: pydantic's errors are explained, with the position of each value in the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from animator.errors import Problem, SceneError, SettingPath
from animator.models import families
from animator.scene.checks import check_scene
from animator.scene.compose import apply_storyboard, compose, extends_chain
from animator.scene.parse import Document, parse_document
from animator.scene.scene import Scene, base_folder
from animator.scene.settings import MAX_FRAMES, Settings
from animator.scene.validation_errors import explain_validation_error
from animator.scene.variables import substitute

# Settings that suit the bundled model; SDXL needs more steps and guidance.
NANO_DEFAULTS = {
    "steps": 12,
    "guidance_scale": 3.0,
}


# Key paintings of a 3D product begin from its clay model, which a style has to paint over almost wholly.
PRODUCT_STRENGTH = 0.8


def few_step_source(settings: Settings) -> tuple[SettingPath, str, families.FewStepRecipe, int | None] | None:
    """Return path, name, kind and steps of the few-step model or LoRA of a film; None if it has none."""
    model = settings.model
    if model.few_steps == "none":
        return None
    if model.few_steps != "auto":
        return ("model", "few_steps"), model.few_steps, families.FEW_STEP_RECIPES[model.few_steps], None
    named: dict[SettingPath, str] = {("model", "base"): model.base}
    for name, lora in model.loras.items():
        if settings.loras.get(name) != 0:
            named["model", "loras", name, "file"] = lora.file
    for path, name in named.items():
        found = families.detect_few_step_kind(name)
        if found is not None:
            return path, name, *found
    return None


def with_model_defaults(settings: Settings) -> Settings:
    """Return `settings` with the painting defaults that suit their model, where the file gives none."""
    found = few_step_source(settings)
    needed: Mapping[str, object] = NANO_DEFAULTS if settings.model.base == "nano" else {}
    if found is not None:
        needed = found[2].settings(found[3])
        if {"sampler", "schedule"} & settings.painting.model_fields_set:
            needed = {name: value for name, value in needed.items() if name not in ("sampler", "schedule")}
    if settings.product is not None:
        needed = {"strength": PRODUCT_STRENGTH, **needed}
    missing = {name: needed[name] for name in needed if name not in settings.painting.model_fields_set}
    return settings.model_copy(update={"painting": settings.painting.model_copy(update=missing)})


MAX_PROBLEMS = 50  # reported in one pass; a file with more is not a schedule file


EXTRA_KEYS = ("extends", "when", "storyboard")  # top-level names that are not settings


def read_scene(
    file: FilePath, settings: Sequence[str] = (), root: type[Settings] = Settings
) -> tuple[Scene, list[Problem]]:
    """Read a schedule file with `--set` overrides; return the scene and every problem found.

    Values with problems are left out of the scene, so that the rest can be checked as well. Raises SceneError
    for a file that is not a schedule file at all. `root` is the class of the settings.
    """
    return _validate_document(substitute(compose(extends_chain(file), settings)), file.resolve().parent, root)


def read_scene_text(
    text: str, folder: FilePath, settings: Sequence[str] = (), root: type[Settings] = Settings
) -> tuple[Scene, list[Problem]]:
    """Read a schedule from text, as `read_scene` does from a file.

    Its paths start from `folder`; it cannot extend files.
    """
    return _validate_document(
        substitute(compose([parse_document(text, "<text>")], settings)), folder.resolve(), root
    )


def _validate_document(
    document: Document, folder: FilePath, root: type[Settings]
) -> tuple[Scene, list[Problem]]:
    document = apply_storyboard(document, base_folder(document, ("storyboard",), folder))
    problems = list(document.problems)
    data: dict[str, Any] = document.data
    while True:
        try:
            scene = Scene(with_model_defaults(root.model_validate(data)), document, folder)
        except ValidationError as error:
            items = error.errors(include_url=False)
            variables = document.data.get("vars")
            besides = [*(variables if isinstance(variables, dict) else ()), *EXTRA_KEYS]
            problems += [
                explain_validation_error(document, item, root, besides) for item in items[:MAX_PROBLEMS]
            ]
            data = _remove_values(data, [item["loc"] for item in items])
            continue
        problems += check_scene(scene)
        if scene.frames > MAX_FRAMES:  # its curves would fill the memory before they could be checked
            raise SceneError(problems)
        return scene, problems


def _remove_values(data: dict[str, Any], locs: Iterable[Sequence[int | str]]) -> dict[str, Any]:
    """Return `data` without the values at `locs`; if one is missing, without the section that should have it."""
    gone: dict[str, list[Sequence[int | str]]] = {}
    for loc in locs:
        gone.setdefault(str(loc[0]), []).append(loc[1:])
    kept = {}
    for key, value in data.items():
        if key not in gone:
            kept[key] = value
        elif isinstance(value, dict) and all(gone[key]):
            inner = _remove_values(value, gone[key])
            if inner != value:
                kept[key] = inner
    return kept
