"""Scene: a schedule file, read and validated. `load` is the door into this room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from animator.errors import Path, Problem, SceneError, nearest
from animator.scene.load import Document, parse
from animator.scene.model import MAX_FRAMES, Settings
from animator.scene.presets import extended, fill, override
from animator.scene.size import Pixels, Ratio

DEFAULT_SECONDS = 4.0
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
        native = NATIVE.get(self.settings.model.base, 1024)
        return size if isinstance(size, Pixels) else size.pixels(native)

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
        return start / FilePath(name).expanduser()


def load(file: str | FilePath, settings: Sequence[str] = ()) -> Scene:
    """Read a schedule file.

    `settings` are overrides as on the command line: `"motion.zoom=1.01"`, `"product=electric scooter"`.
    Raises SceneError with every problem found.
    """
    file = FilePath(file)
    return _scene(fill(override(extended(file), settings)), file.resolve().parent)


def loads(text: str, folder: str | FilePath = ".", settings: Sequence[str] = ()) -> Scene:
    """The same from text; relative paths in it start from `folder`. It may not extend anything."""
    return _scene(fill(override(parse(text, "<text>"), settings)), FilePath(folder).resolve())


def _scene(document: Document, folder: FilePath) -> Scene:
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        raise SceneError(_problems(document, error)) from error
    scene = Scene(settings, document, folder)
    problems = list(_contradictions(scene))
    if problems:
        raise SceneError(problems)
    return scene


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
    for name in scene.settings.loras:
        if name not in model.loras:
            known = nearest(name, model.loras) if model.loras else "none are declared there"
            yield scene.problem(("loras", name), f"no LoRA of that name in model.loras; {known}")
    for name, lora in model.loras.items():
        path = ("model", "loras", name, "file")
        if not lora.file.endswith(".safetensors"):
            yield scene.problem(
                path, f"{lora.file!r}: only .safetensors files are loaded; others can run code"
            )
        elif not scene.file(path, lora.file).is_file():
            yield scene.problem(path, f"no such file: {scene.file(path, lora.file)}")
    image, place = scene.settings.start.image, ("start", "image")
    if image is not None and not scene.file(place, image).is_file():
        yield scene.problem(place, f"no such file: {scene.file(place, image)}")
    seed = scene.settings.painting.seed
    if (seed.behavior == "schedule") != (seed.at is not None):
        yield scene.problem(("painting", "seed"), "'behavior: schedule' and 'at:' belong together")


def _seconds(duration: str | float) -> float:
    """Seconds from `6`, `6s` or `1.5 s`; 0 when it is no length."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?|\.\d+)\s*s?", str(duration).strip())
    return float(match[1]) if match else 0.0


def _problems(document: Document, error: ValidationError) -> Iterable[Problem]:
    for item in error.errors(include_url=False):
        path = tuple(str(part) for part in item["loc"])
        where = document.name if item["type"] == "extra_forbidden" else document.place
        yield Problem(where(path), path, _explain(item, item["loc"]))


def _explain(item: Any, loc: tuple[int | str, ...]) -> str:
    """Pydantic's message in our words: what is wrong; what is allowed."""
    given = item.get("input")
    match item["type"]:
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
