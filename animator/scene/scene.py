"""Scene: a schedule file, read and validated. `read` is the door into this room."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from animator import nano
from animator.errors import Path, Problem, SceneError, nearest, quoted, shown
from animator.pose import Lens
from animator.scene.control import control_problems
from animator.scene.declared import folder_of
from animator.scene.footage import footage_problems
from animator.scene.ip_adapter import adapter_problems
from animator.scene.layers import merged
from animator.scene.load import Document, parse
from animator.scene.masks import mask_problems
from animator.scene.model import DEPTHS, MAX_FRAMES, REFERENCES, Settings
from animator.scene.presets import extended, is_file
from animator.scene.refiner import refiner_problems
from animator.scene.section import optional
from animator.scene.size import Pixels, Ratio
from animator.scene.storyboard import boarded
from animator.scene.upscale import upscale_problems
from animator.scene.variables import fill
from animator.scene.views import view_problems

DEFAULT_SECONDS = 4.0
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
MOST_PROBLEMS = 50  # reported of one kind; a file with more is no schedule file
BESIDES = ("extends", "when", "storyboard")  # what a file may say beside its settings
NATIVE = {"nano": 256}  # width in pixels of the square a model was trained on; every other SDXL model: 1024


@dataclass(frozen=True, eq=False)  # what is worked out about a scene is kept by the scene itself
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

    @property
    def lens(self) -> Lens:
        """What the camera in space looks through."""
        motion = self.settings.motion
        return Lens(*self.size, motion.fov, motion.pivot)

    @property
    def depth_files(self) -> list[FilePath]:
        """The depth pictures that `motion.depth` names: one, or all of a folder in the order of their names."""
        source = str(self.settings.motion.depth)
        if source in DEPTHS:
            return []
        found = self.file(("motion", "depth"), source)
        if not found.is_dir():
            return [found]
        return sorted(file for file in found.iterdir() if file.suffix.lower() in PICTURES)

    def problem(self, path: Path, message: str) -> Problem:
        """A problem with the value at `path`, with its place in the file."""
        return Problem(self.document.place(path), path, message)

    def file(self, path: Path, name: str) -> FilePath:
        """The file `name`, written at `path`: relative names start from the folder of the file they stand in.

        That may be a preset; what is given by `--set` starts from the current folder. LoRAs that come with the
        bundled model have names instead.
        """
        if path[:2] == ("model", "loras") and name in nano.LORAS:
            return nano.LORAS[name]
        start = _start(self.document, path, self.folder)
        return start / os.path.expanduser(name)  # noqa: PTH111 (pathlib's raises for a user who is not here)


def _start(document: Document, path: Path, folder: FilePath) -> FilePath:
    """The folder that file names written at `path` start from; `folder` is the document's own."""
    place = document.place(path)
    return folder if place.file == document.file else folder_of(place)


def read(file: FilePath, settings: Sequence[str] = ()) -> tuple[Scene, list[Problem]]:
    """The scene in a schedule file, with `--set` overrides, and every problem found.

    What is wrong is left out of the scene, so that the rest can be looked through. Raises SceneError for a file
    that is no schedule at all.
    """
    return _scene(fill(merged(extended(file), settings)), file.resolve().parent)


def read_text(text: str, folder: FilePath, settings: Sequence[str] = ()) -> tuple[Scene, list[Problem]]:
    """The same from text; relative paths in it start from `folder`. It may not extend anything."""
    return _scene(fill(merged([parse(text, "<text>")], settings)), folder.resolve())


def _scene(document: Document, folder: FilePath) -> tuple[Scene, list[Problem]]:
    document = boarded(document, _start(document, ("storyboard",), folder))
    problems = list(document.problems)
    data: dict[str, Any] = document.data
    while True:
        try:
            scene = Scene(Settings.model_validate(data), document, folder)
        except ValidationError as error:
            items = error.errors(include_url=False)
            problems += [_problem(document, item) for item in items[:MOST_PROBLEMS]]
            data = _without(data, [item["loc"] for item in items])
            continue
        problems += _contradictions(scene)
        if scene.frames > MAX_FRAMES:  # its curves would fill the memory before they could be looked through
            raise SceneError(problems)
        return scene, problems


def _without(data: dict[str, Any], locs: Iterable[Sequence[int | str]]) -> dict[str, Any]:
    """`data` without the values at `locs`; where none stands there, without what should have held it."""
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


def _contradictions(scene: Scene) -> Iterable[Problem]:
    """What no single setting shows."""
    video, model = scene.settings.video, scene.settings.model
    if video.frames is not None and video.duration is not None:
        yield scene.problem(("video", "duration"), "give either 'frames' or 'duration', not both")
    if video.duration is not None and not _seconds(video.duration) > 0:
        yield scene.problem(
            ("video", "duration"), f"{shown(video.duration)} is not a length; write seconds, e.g. 6s"
        )
    elif scene.frames > MAX_FRAMES:
        yield scene.problem(("video", "duration"), f"{scene.frames:,} frames; allowed 1..{MAX_FRAMES:,}")
    declared = _declared(scene.document.data)
    for name in scene.settings.loras:
        if name not in declared:
            known = nearest(name, declared) if declared else "none are declared there"
            yield scene.problem(("loras", name), f"no LoRA of that name in model.loras; {known}")
    for name, lora in model.loras.items():
        path = ("model", "loras", name, "file")
        if scene.file(path, lora.file).suffix != ".safetensors":
            yield scene.problem(
                path, f"{quoted(lora.file)}: only .safetensors files are loaded; others can run code"
            )
        elif not is_file(scene.file(path, lora.file)):
            yield scene.problem(path, f"no such file: {scene.file(path, lora.file)}")
    audio, place = scene.settings.audio, ("audio", "file")
    if audio is not None and not is_file(scene.file(place, audio.file)):
        yield scene.problem(place, f"no such file: {scene.file(place, audio.file)}")
    yield from _pictures(scene)
    yield from mask_problems(scene)
    if scene.settings.paint is not None and "cadence" in scene.settings.model_fields_set:
        yield scene.problem(("paint",), "give either 'cadence' or 'paint', not both")
    if video.loop == "closed" and scene.settings.cuts is not None:
        yield scene.problem(("cuts",), "a closed loop has no cuts; leave 'cuts' or 'loop: closed' out")
    seed = scene.settings.painting.seed
    if (seed.behavior == "schedule") != (seed.at is not None):
        yield scene.problem(("painting", "seed"), "'behavior: schedule' and 'at:' belong together")


def _pictures(scene: Scene) -> Iterable[Problem]:
    """Pictures that are named and not there."""
    image, place = scene.settings.start.image, ("start", "image")
    if image is not None and not is_file(scene.file(place, image)):
        yield scene.problem(place, f"no such file: {scene.file(place, image)}")
    depth, place = str(scene.settings.motion.depth), ("motion", "depth")
    if depth not in DEPTHS and not all(is_file(file) for file in scene.depth_files or [FilePath()]):
        known = f"{', '.join(DEPTHS)}, a picture or a folder of pictures"
        yield scene.problem(place, f"no such picture: {scene.file(place, depth)}; allowed: {known}")
    yield from footage_problems(scene)
    yield from view_problems(scene)
    yield from control_problems(scene)
    yield from upscale_problems(scene)
    yield from refiner_problems(scene)
    yield from adapter_problems(scene)
    name, place = scene.settings.grade.color_reference, ("grade", "color_reference")
    file = scene.file(place, name)
    if name not in REFERENCES and not is_file(file):
        yield scene.problem(place, f"no such file: {file}; or write one of: {', '.join(REFERENCES)}")


def _declared(data: Any) -> dict[str, Any]:
    """The LoRAs that a file declares, also those with mistakes; none where it declares something else."""
    for name in ("model", "loras"):
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _seconds(duration: str | float) -> float:
    """Seconds from `6`, `6s` or `1.5 s`; 0 when it is no length."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?|\.\d+)\s*s?", str(duration).strip())
    return float(match[1]) if match else 0.0


def _problem(document: Document, item: Any) -> Problem:
    path = tuple(str(part) for part in item["loc"])
    where = document.name if item["type"] == "extra_forbidden" else document.place
    return Problem(where(path), path, _explain(item, item["loc"], document.data.get("vars") or ()))


def _explain(item: Any, loc: tuple[int | str, ...], variables: Iterable[str]) -> str:
    """Pydantic's message in our words: what is wrong; what is allowed."""
    given = item.get("input")
    match item["type"]:
        case "extra_forbidden" if given is None and {" ", ":"} & set(str(loc[-1])):
            # {at: a red mug, white background}: YAML ends a text at the comma and takes the rest for a name;
            # so it does with {zoom: 0:(1.0), 30:(1.04)}.
            return "no such setting; a text with a comma inside { } needs quotes round it"
        case "extra_forbidden":
            known = _names(loc[:-1])
            return f"no such setting; {nearest(str(loc[-1]), known if loc[:-1] else [*variables, *known, *BESIDES])}"
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
            return f"{shown(given)} is not a group of settings; known: {', '.join(_names(loc)) or 'any name'}"
        case _:
            return f"{shown(given)}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _names(loc: tuple[int | str, ...]) -> list[str]:
    """The settings of the section at `loc`."""
    model: Any = Settings
    for part in loc:
        # In dict[str, LoraFile] any name leads to the same fields.
        named = get_origin(model) is dict
        model = get_args(model)[1] if named else optional(model.model_fields[str(part)].annotation)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
