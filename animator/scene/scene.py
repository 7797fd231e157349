"""Scene: a schedule file that has been read and validated."""

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
MOST_PROBLEMS = 50  # reported in one pass; a file with more is not a schedule file
BESIDES = ("extends", "when", "storyboard")  # top-level names that are not settings


@dataclass(frozen=True, eq=False, repr=False)  # hashed by identity, as results are cached per scene
class Scene:
    """A validated schedule file: its settings, their positions, and the folder that its paths are relative to."""

    settings: Settings
    document: Document
    folder: FilePath
    film: Scene | None = None  # for a copy in another size, such as a preview: the original scene

    # HTML of a scene for notebooks. animator.viewer.notebook sets it, since this module must not import it.
    as_html: ClassVar[Callable[[Scene], str] | None] = None

    def _repr_html_(self) -> str | None:
        return None if Scene.as_html is None else Scene.as_html(self)

    def __repr__(self) -> str:
        return f"<Scene {self.document.file}: {self.frames} frames at {self.size.width}x{self.size.height}>"

    @property
    def frames(self) -> int:
        """Number of frames of the film."""
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
        """Native size of the model: side in pixels of the square that it was trained on."""
        model = self.settings.model
        setting = "base" if model.config is None else "config"  # the folder with the configs of a single file
        return native(model.base, self.file(("model", setting), getattr(model, setting)))

    @property
    def lens(self) -> Lens:
        """Lens of the 3D camera: film size, field of view and pivot."""
        motion = self.settings.motion
        return Lens(*self.size, motion.fov, motion.pivot)

    @property
    def depth_files(self) -> list[FilePath]:
        """Depth images that `motion.depth` names: one file, or all of a folder sorted by name; [] for other depths."""
        source = str(self.settings.motion.depth)
        if source in DEPTHS:
            return []
        found = self.file(("motion", "depth"), source)
        if not found.is_dir():
            return [found]
        return sorted(file for file in found.iterdir() if file.suffix.lower() in PICTURES)

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem with the value at `path`, with its position in the file."""
        return Problem(self.document.place(path), path, message)

    def file(self, path: Path, name: str) -> FilePath:
        """Return the path of the file `name`, the value of the setting at `path`.

        Relative names start from the folder of the file they were written in, which may be a preset's; those
        given by `--set` start from the current folder. Bundled LoRAs are found by their names.
        """
        if path[:2] == ("model", "loras") and name in nano.LORAS:
            return nano.LORAS[name]
        start = _start(self.document, path, self.folder)
        return start / os.path.expanduser(name)  # noqa: PTH111 (pathlib's raises for an unknown user)


def _start(document: Document, path: Path, folder: FilePath) -> FilePath:
    """Return the folder that file names at `path` are relative to; `folder` is the document's own."""
    place = document.place(path)
    return folder if place.file == document.file else folder_of(place)


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


def _contradictions(scene: Scene) -> Iterable[Problem]:
    """Yield problems that depend on several settings or on files."""
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
    """Yield problems of images, videos, and sections whose files are checked: footage to IP-Adapters."""
    image, place = scene.settings.start.image, ("start", "image")
    if image is not None and not is_file(scene.file(place, image)):
        yield scene.problem(place, f"no such file: {scene.file(place, image)}")
    depth, place = str(scene.settings.motion.depth), ("motion", "depth")
    if depth not in DEPTHS and not all(is_file(file) for file in scene.depth_files or [FilePath()]):
        known = f"{', '.join(DEPTHS)}, an image or a folder of images"
        yield scene.problem(place, f"no such image: {scene.file(place, depth)}; allowed: {known}")
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
    """Return seconds from `6`, `6s` or `1.5 s`; 0 for text that is not a length."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?|\.\d+)\s*s?", str(duration).strip())
    return float(match[1]) if match else 0.0
