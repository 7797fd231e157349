"""Documents → Scene + problems.

Explain pydantic's validation errors: what is wrong, what is allowed, and its position in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from animator.errors import Problem, SceneError, SettingPath, nearest, shown
from animator.models import families as few_steps
from animator.scene.checks import _contradictions
from animator.scene.compose import boarded, extended, merged
from animator.scene.fields import optional
from animator.scene.parse import Document, parse
from animator.scene.scene import Scene, _start
from animator.scene.settings import MAX_FRAMES, Settings
from animator.scene.variables import fill


def refusal(document: Document, item: Any, root: type[BaseModel], besides: Sequence[str] = ()) -> Problem:
    """Convert `item`, a pydantic error about `document` validated as a `root`, to a problem with its position.

    `besides` are top-level names to suggest although they are not settings of `root`.
    """
    path = tuple(str(part) for part in item["loc"])
    where = document.name if item["type"] == "extra_forbidden" else document.place
    return Problem(where(path), path, _explain(item, item["loc"], root, besides))


def _explain(item: Any, loc: tuple[int | str, ...], root: type[BaseModel], besides: Sequence[str]) -> str:
    """Return the message for an error of pydantic: what is wrong; what is allowed."""
    given = item.get("input")
    match item["type"]:
        case "extra_forbidden" if given is None and {" ", ":"} & set(str(loc[-1])):
            # In {at: a red mug, white background} and {zoom: 0:(1.0), 30:(1.04)} YAML ends the text at the
            # comma and reads the rest as a name.
            return "no such setting; a text with a comma inside { } needs quotes round it"
        case "extra_forbidden":
            known = _names(loc[:-1], root)
            return f"no such setting; {nearest(str(loc[-1]), known if loc[:-1] else [*known, *besides])}"
        case "missing":
            return "must be given"
        case "literal_error":
            return f"{shown(given)} is not known; allowed: {item['ctx']['expected']}"
        case "value_error":
            return str(item["ctx"]["error"])
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{shown(given)} is not a whole number"
        case "float_parsing" | "float_type":
            return f"{shown(given)} is not a number"
        case "string_type":
            return f"{shown(given)} is not a text; put quotes round it"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{shown(given)} is not a group of settings; known: {', '.join(_names(loc, root)) or 'any name'}"
        case _:
            return f"{shown(given)}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _names(loc: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    """Return the names of the settings in the section at `loc`; [] if it has no fixed names."""
    model: Any = root
    for part in loc:
        # In dict[str, LoraFile] every name has the same fields.
        named = get_origin(model) is dict
        model = get_args(model)[1] if named else optional(model.model_fields[str(part)].annotation)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


# Settings that suit the bundled model; SDXL needs more steps and guidance.
NANO = {
    "steps": 12,
    "guidance_scale": 3.0,
}


def distilled(settings: Settings) -> tuple[SettingPath, str, few_steps.Kind, int | None] | None:
    """Return path, name, kind and steps of the few-step model or LoRA of a film; None if it has none."""
    model = settings.model
    if model.few_steps == "none":
        return None
    if model.few_steps != "auto":
        return ("model", "few_steps"), model.few_steps, few_steps.KINDS[model.few_steps], None
    named: dict[SettingPath, str] = {("model", "base"): model.base}
    for name, lora in model.loras.items():
        if settings.loras.get(name) != 0:
            named["model", "loras", name, "file"] = lora.file
    for path, name in named.items():
        found = few_steps.recognised(name)
        if found is not None:
            return path, name, *found
    return None


def fitted(settings: Settings) -> Settings:
    """Return `settings` with the painting defaults that suit their model, where the file gives none."""
    found = distilled(settings)
    needed: Mapping[str, object] = NANO if settings.model.base == "nano" else {}
    if found is not None:
        needed = found[2].settings(found[3])
        if {"sampler", "schedule"} & settings.painting.model_fields_set:
            needed = {name: value for name, value in needed.items() if name not in ("sampler", "schedule")}
    missing = {name: needed[name] for name in needed if name not in settings.painting.model_fields_set}
    return settings.model_copy(update={"painting": settings.painting.model_copy(update=missing)})


MOST_PROBLEMS = 50  # reported in one pass; a file with more is not a schedule file

BESIDES = ("extends", "when", "storyboard")  # top-level names that are not settings


def read(file: FilePath, settings: Sequence[str] = ()) -> tuple[Scene, list[Problem]]:
    """Read a schedule file with `--set` overrides; return the scene and every problem found.

    Values with problems are left out of the scene, so that the rest can be checked as well. Raises SceneError
    for a file that is not a schedule file at all.
    """
    return _scene(fill(merged(extended(file), settings)), file.resolve().parent)


def read_text(text: str, folder: FilePath, settings: Sequence[str] = ()) -> tuple[Scene, list[Problem]]:
    """Read a schedule from text, as `read` does from a file. Its paths start from `folder`; it cannot extend files."""
    return _scene(fill(merged([parse(text, "<text>")], settings)), folder.resolve())


def _scene(document: Document, folder: FilePath) -> tuple[Scene, list[Problem]]:
    document = boarded(document, _start(document, ("storyboard",), folder))
    problems = list(document.problems)
    data: dict[str, Any] = document.data
    while True:
        try:
            scene = Scene(fitted(Settings.model_validate(data)), document, folder)
        except ValidationError as error:
            items = error.errors(include_url=False)
            variables = document.data.get("vars")
            besides = [*(variables if isinstance(variables, dict) else ()), *BESIDES]
            problems += [refusal(document, item, Settings, besides) for item in items[:MOST_PROBLEMS]]
            data = _without(data, [item["loc"] for item in items])
            continue
        problems += _contradictions(scene)
        if scene.frames > MAX_FRAMES:  # its curves would fill the memory before they could be checked
            raise SceneError(problems)
        return scene, problems


def _without(data: dict[str, Any], locs: Iterable[Sequence[int | str]]) -> dict[str, Any]:
    """Return `data` without the values at `locs`; if one is missing, without the section that should have it."""
    gone: dict[str, list[Sequence[int | str]]] = {}
    for loc in locs:
        gone.setdefault(str(loc[0]), []).append(loc[1:])
    kept = {}
    for key, value in data.items():
        if key not in gone:
            kept[key] = value
        elif isinstance(value, dict) and all(gone[key]):
            inner = _without(value, gone[key])
            if inner != value:
                kept[key] = inner
    return kept
