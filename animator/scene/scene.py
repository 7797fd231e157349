"""Scene: a schedule file, read and validated. `read` is the door into this room."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from animator.errors import Path, Problem, nearest
from animator.scene.load import Document, parse
from animator.scene.model import MAX_FRAMES, REFERENCES, Settings
from animator.scene.presets import extended, is_file, override
from animator.scene.size import Pixels, Ratio
from animator.scene.variables import fill

DEFAULT_SECONDS = 4.0
MOST_PROBLEMS = 50  # reported of one kind; a file with more is no schedule file
NATIVE = {"nano": 256}  # width in pixels of the square a model was trained on; every other SDXL model: 1024


@dataclass(frozen=True)
class Scene:
    """A validated schedule file: its settings, where each was written, and the folder its paths start from."""

    settings: Settings
    document: Document
    folder: FilePath

    @property
    def frames(self) -> int:
        """How many frames the film has."""
        video = self.settings.video
        if video.frames is not None:
            return video.frames
        seconds = DEFAULT_SECONDS if video.duration is None else _seconds(video.duration)
        return max(1, round(seconds * video.fps))

    @property
    def size(self) -> Pixels:
        """Width and height of the film in pixels."""
        size = self.settings.video.size or Ratio(1, 1)
        return size if isinstance(size, Pixels) else size.pixels(self.native)

    @property
    def native(self) -> int:
        """Width in pixels of the square the model was trained on."""
        return NATIVE.get(self.settings.model.base, 1024)

    def problem(self, path: Path, message: str) -> Problem:
        """A problem with the value at `path`, with its place in the file."""
        return Problem(self.document.place(path), path, message)

    def file(self, path: Path, name: str) -> FilePath:
        """The file `name`, written at `path`: relative names start from the folder of the file they stand in.

        That may be a preset; what is given by `--set` starts from the current folder.
        """
        place = self.document.place(path)
        if place.file == self.document.file:
            start = self.folder
        else:
            start = FilePath(place.file).resolve().parent if place.line else FilePath.cwd()
        return start / os.path.expanduser(name)  # noqa: PTH111 (pathlib's raises for a user who is not here)


def read(file: FilePath, settings: Sequence[str] = ()) -> tuple[Scene, list[Problem]]:
    """The scene in a schedule file, with `--set` overrides, and every problem found.

    What is wrong is left out of the scene, so that the rest can be looked through. Raises SceneError for a file
    that is no schedule at all.
    """
    return _scene(fill(override(extended(file), settings)), file.resolve().parent)


def read_text(text: str, folder: FilePath, settings: Sequence[str] = ()) -> tuple[Scene, list[Problem]]:
    """The same from text; relative paths in it start from `folder`. It may not extend anything."""
    return _scene(fill(override(parse(text, "<text>"), settings)), folder.resolve())


def _scene(document: Document, folder: FilePath) -> tuple[Scene, list[Problem]]:
    problems = list(document.problems)
    data: dict[str, Any] = document.data
    while True:
        try:
            scene = Scene(Settings.model_validate(data), document, folder)
        except ValidationError as error:
            items = error.errors(include_url=False)[:MOST_PROBLEMS]
            problems += [_problem(document, item) for item in items]
            for item in items:
                data = _without(data, item["loc"])
            continue
        return scene, [*problems, *_contradictions(scene)]


def _without(data: Any, loc: tuple[int | str, ...]) -> Any:
    """`data` without the value at `loc`; where none stands there, without what should have held it."""
    if not loc or not isinstance(data, dict) or str(loc[0]) not in data:
        return data
    key, rest = str(loc[0]), loc[1:]
    inner = _without(data[key], rest) if rest else None
    if inner is None or inner == data[key]:
        return {name: value for name, value in data.items() if name != key}
    return {**data, key: inner}


def _contradictions(scene: Scene) -> Iterable[Problem]:
    """What no single setting shows."""
    video, model = scene.settings.video, scene.settings.model
    if video.frames is not None and video.duration is not None:
        yield scene.problem(("video", "duration"), "give either 'frames' or 'duration', not both")
    if video.duration is not None and not _seconds(video.duration) > 0:
        yield scene.problem(
            ("video", "duration"), f"{video.duration!r} is not a length; write seconds, e.g. 6s"
        )
    elif scene.frames > MAX_FRAMES:
        yield scene.problem(("video", "duration"), f"{scene.frames:,} frames; allowed 1..{MAX_FRAMES:,}")
    declared = scene.document.data.get("model", {}).get("loras", {}) if scene.settings.loras else {}
    for name in scene.settings.loras:
        if name not in declared:
            known = nearest(name, declared) if declared else "none are declared there"
            yield scene.problem(("loras", name), f"no LoRA of that name in model.loras; {known}")
    for name, lora in model.loras.items():
        path = ("model", "loras", name, "file")
        if not lora.file.endswith(".safetensors"):
            yield scene.problem(
                path, f"{lora.file!r}: only .safetensors files are loaded; others can run code"
            )
        elif not is_file(scene.file(path, lora.file)):
            yield scene.problem(path, f"no such file: {scene.file(path, lora.file)}")
    audio, place = scene.settings.audio, ("audio", "file")
    if audio is not None and not is_file(scene.file(place, audio.file)):
        yield scene.problem(place, f"no such file: {scene.file(place, audio.file)}")
    image, place = scene.settings.start.image, ("start", "image")
    if image is not None and not is_file(scene.file(place, image)):
        yield scene.problem(place, f"no such file: {scene.file(place, image)}")
    yield from _colors(scene)
    if scene.settings.paint is not None and "cadence" in scene.settings.model_fields_set:
        yield scene.problem(("paint",), "give either 'cadence' or 'paint', not both")
    seed = scene.settings.painting.seed
    if (seed.behavior == "schedule") != (seed.at is not None):
        yield scene.problem(("painting", "seed"), "'behavior: schedule' and 'at:' belong together")


def _colors(scene: Scene) -> Iterable[Problem]:
    name, place = scene.settings.grade.color_reference, ("grade", "color_reference")
    file = scene.file(place, name)
    if name not in REFERENCES and not is_file(file):
        yield scene.problem(place, f"no such file: {file}; or write one of: {', '.join(REFERENCES)}")


def _seconds(duration: str | float) -> float:
    """Seconds from `6`, `6s` or `1.5 s`; 0 when it is no length."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?|\.\d+)\s*s?", str(duration).strip())
    return float(match[1]) if match else 0.0


def _problem(document: Document, item: Any) -> Problem:
    path = tuple(str(part) for part in item["loc"])
    where = document.name if item["type"] == "extra_forbidden" else document.place
    return Problem(where(path), path, _explain(item, item["loc"]))


def _explain(item: Any, loc: tuple[int | str, ...]) -> str:
    """Pydantic's message in our words: what is wrong; what is allowed."""
    given = item.get("input")
    match item["type"]:
        case "extra_forbidden" if given is None and " " in str(loc[-1]):
            # {at: a red mug, white background}: YAML ends a text at the comma and takes the rest for a name.
            return "no such setting; a text with a comma inside { } needs quotes round it"
        case "extra_forbidden":
            return f"no such setting; {nearest(str(loc[-1]), _names(loc[:-1]))}"
        case "missing":
            return "must be given"
        case "literal_error":
            return f"{given!r} is not known; allowed: {item['ctx']['expected']}"
        case "value_error":
            return str(item["ctx"]["error"])
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{given!r} is not a whole number"
        case "float_parsing" | "float_type":
            return f"{given!r} is not a number"
        case "string_type":
            return f"{given!r} is not a text; put quotes round it"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{given!r} is not a group of settings; known: {', '.join(_names(loc)) or 'any name'}"
        case _:
            return f"{given!r}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _names(loc: tuple[int | str, ...]) -> list[str]:
    """The settings of the section at `loc`."""
    model: Any = Settings
    for part in loc:
        # In dict[str, LoraFile] any name leads to the same fields.
        named = get_origin(model) is dict
        model = get_args(model)[1] if named else model.model_fields[str(part)].annotation
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
