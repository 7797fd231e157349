"""The Scene: a schedule file that has been read and validated; its curves are still as written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import ClassVar

from animator.errors import MissingFile, Problem, SettingPath
from animator.imaging.geometry import Lens
from animator.models import nano
from animator.models.families import native_size
from animator.models.locate import bundled_product_models, named_path
from animator.scene.fields import Pixels, Ratio
from animator.scene.parse import Document
from animator.scene.settings import DEPTH_SOURCES, Settings
from animator.scene.settings_product import PRODUCT_MODEL
from animator.scene.variables import folder_of

DEFAULT_SECONDS = 4.0
PRODUCT_SIDE = 512  # pixels: films of a 3D product are sharp at any size, also with a smaller model

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True, eq=False, repr=False)  # hashed by identity, as results are cached per scene
class Scene:
    """A validated schedule file: its settings, their positions, and the folder that its paths are relative to."""

    settings: Settings
    document: Document
    folder: FilePath
    original: Scene | None = None  # for a copy in another size, such as a preview: the original scene

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
        seconds = DEFAULT_SECONDS if video.duration is None else parse_seconds(video.duration)
        return max(1, round(seconds * video.fps))

    @property
    def size(self) -> Pixels:
        """Width and height of the film in pixels."""
        size = self.settings.video.size or Ratio(1, 1)
        if isinstance(size, Pixels):
            return size
        sharp = PRODUCT_SIDE if self.settings.product is not None else 0
        return size.nearest_size(max(self.native_size, sharp))

    @cached_property
    def native_size(self) -> int:
        """Native size of the model: side in pixels of the square that it was trained on."""
        model = self.settings.model
        setting = "base" if model.config is None else "config"  # the folder with the configs of a single file
        return native_size(model.base, self.file(("model", setting), getattr(model, setting)))

    @property
    def lens(self) -> Lens:
        """Lens of the 3D camera: film size, field of view and pivot.

        In a film whose field of view changes it is the lens that normalises points; `lens.at(frame.motion)` is the
        lens of one frame.
        """
        return Lens(*self.size, pivot=self.settings.motion.pivot).with_fov(self.constant_fov)

    @property
    def constant_fov(self) -> float | None:
        """Field of view of the whole film in degrees; None if it is a curve."""
        fov = self.settings.motion.fov
        return fov if isinstance(fov, float) else None

    @property
    def depth_files(self) -> list[FilePath]:
        """Depth images that `motion.depth` names: one file, or all of a folder sorted by name; [] for other depths."""
        source = str(self.settings.motion.depth)
        if source in DEPTH_SOURCES:
            return []
        return folder_images(self.file(("motion", "depth"), source))

    def problem(self, path: SettingPath, message: str) -> Problem:
        """Return a problem with the value at `path`, with its position in the file."""
        return Problem(self.document.value_place(path), path, message)

    def missing_file(self, path: SettingPath, message: str) -> MissingFile:
        """Return the problem that the setting at `path` names a file that does not exist."""
        return MissingFile(self.document.value_place(path), path, message)

    def file(self, path: SettingPath, name: str) -> FilePath:
        """Return the path of the file `name`, the value of the setting at `path`.

        Relative names start from the folder of the file they were written in, which may be a preset's; those
        given by `--set` start from the current folder. Bundled LoRAs and 3D models are found by their names.
        """
        if path[:2] == ("model", "loras") and name in nano.BUNDLED_LORAS:
            return nano.BUNDLED_LORAS[name]
        if path[:1] == ("control",) and path[-1] == "model" and name in nano.BUNDLED_CONTROLNETS:
            return nano.BUNDLED_CONTROLNETS[name]
        if path == PRODUCT_MODEL and name in bundled_product_models():
            return bundled_product_models()[name]
        start = base_folder(self.document, path, self.folder)
        return named_path(start, name)


def base_folder(document: Document, path: SettingPath, folder: FilePath) -> FilePath:
    """Return the folder that file names at `path` are relative to; `folder` is the document's own."""
    place = document.value_place(path)
    return folder if place.file == document.file else folder_of(place)


def folder_images(place: FilePath) -> list[FilePath]:
    """Return the images of a folder, sorted by name; [`place`] if it is not a folder."""
    if not place.is_dir():
        return [place]
    return sorted(file for file in place.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)


def parse_seconds(duration: str | float) -> float:
    """Return seconds from `6`, `6s` or `1.5 s`; 0 for text that is not a length."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d*)?|\.\d+)\s*s?", str(duration).strip())
    return float(match[1]) if match else 0.0
