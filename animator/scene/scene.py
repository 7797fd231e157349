"""Scene: a schedule file, read and validated. `read` is the door into this room."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, ClassVar

from pydantic import ValidationError

from animator.errors import Path, Problem, SceneError, shown
from animator.imaging.geometry import Lens
from animator.models import nano
from animator.models.native import native
from animator.scene.compose import merged
from animator.scene.control import control_problems
from animator.scene.declared import folder_of
from animator.scene.footage import footage_problems
from animator.scene.ip_adapter import adapter_problems
from animator.scene.parse import Document, parse
from animator.scene.presets import extended, is_file
from animator.scene.read import refusal
from animator.scene.refiner import refiner_problems
from animator.scene.running import fitted, running_problems
from animator.scene.settings import DEPTHS, MAX_FRAMES, REFERENCES, Settings
from animator.scene.settings_images import mask_problems
from animator.scene.settings_models import lora_problems
from animator.scene.size import Pixels, Ratio
from animator.scene.storyboard import boarded
from animator.scene.styles import style_problems
from animator.scene.upscale import upscale_problems
from animator.scene.variables import fill
from animator.scene.views import view_problems

DEFAULT_SECONDS = 4.0
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}
MOST_PROBLEMS = 50  # reported of one kind; a file with more is no schedule file
BESIDES = ("extends", "when", "storyboard")  # what a file may say beside its settings


@dataclass(frozen=True, eq=False, repr=False)  # what is worked out about a scene is kept by the scene itself
class Scene:
    """A validated schedule file: its settings, where each was written, and the folder its paths start from."""

    settings: Settings
    document: Document
    folder: FilePath
    film: Scene | None = None  # the film of which this scene is a copy of another size; see rehearsal.draft

    # What a notebook shows of a scene: set by animator.viewer.notebook, which stands above this room.
    as_html: ClassVar[Callable[[Scene], str] | None] = None

    def _repr_html_(self) -> str | None:
        return None if Scene.as_html is None else Scene.as_html(self)

    def __repr__(self) -> str:
        return f"<Scene {self.document.file}: {self.frames} frames at {self.size.width}x{self.size.height}>"

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

    @cached_property
    def native(self) -> int:
        """Width in pixels of the square the model was trained on."""
        model = self.settings.model
        setting = "base" if model.config is None else "config"  # of a single file, which is no folder itself
        return native(model.base, self.file(("model", setting), getattr(model, setting)))

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
            scene = Scene(fitted(Settings.model_validate(data)), document, folder)
        except ValidationError as error:
            items = error.errors(include_url=False)
            variables = document.data.get("vars")
            besides = [*(variables if isinstance(variables, dict) else ()), *BESIDES]
            problems += [refusal(document, item, Settings, besides) for item in items[:MOST_PROBLEMS]]
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
    video = scene.settings.video
    if video.frames is not None and video.duration is not None:
        yield scene.problem(("video", "duration"), "give either 'frames' or 'duration', not both")
    if video.duration is not None and not _seconds(video.duration) > 0:
        yield scene.problem(
            ("video", "duration"), f"{shown(video.duration)} is not a length; write seconds, e.g. 6s"
        )
    elif scene.frames > MAX_FRAMES:
        yield scene.problem(("video", "duration"), f"{scene.frames:,} frames; allowed 1..{MAX_FRAMES:,}")
    yield from lora_problems(scene)
    yield from style_problems(scene)
    audio, place = scene.settings.audio, ("audio", "file")
    if audio is not None and not is_file(scene.file(place, audio.file)):
        yield scene.problem(place, f"no such file: {scene.file(place, audio.file)}")
    yield from _pictures(scene)
    yield from mask_problems(scene)
    yield from running_problems(scene)
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


def _seconds(duration: str | float) -> float:
    """Seconds from `6`, `6s` or `1.5 s`; 0 when it is no length."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?|\.\d+)\s*s?", str(duration).strip())
    return float(match[1]) if match else 0.0
