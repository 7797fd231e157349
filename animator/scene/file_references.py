"""Files, folders and models that a scene names, found by the types of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from animator.errors import SettingPath
from animator.scene.fields import FileRef, marked_settings
from animator.scene.scene import Scene, folder_images


def references_of(scene: Scene) -> Iterator[tuple[SettingPath, str, FileRef]]:
    """Yield path, value and reference of every setting that names a file or a model; built-in names are left out."""
    for path, value, ref in marked_settings(scene.settings, FileRef):
        named = (
            {(*path, key): item for key, item in value.items()} if isinstance(value, dict) else {path: value}
        )
        yield from ((at, name, ref) for at, name in named.items() if name not in ref.names)


def files_of(scene: Scene) -> Iterator[tuple[SettingPath, str, FileRef]]:
    """Yield path, value and reference of every setting that names a file or a folder on this machine.

    What may be a hub id counts if there is such a file or folder; other files count even if they are missing.
    """
    for path, name, ref in references_of(scene):
        if not ref.hub or _exists(scene.file(path, name)):
            yield path, name, ref


def files_at(place: Path, ref: FileRef) -> list[Path]:
    """Return the files that a setting at `place` means: that file, or the images of a folder where `ref` allows it."""
    return folder_images(place) if ref.folder else [place]


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # the OS rejects the name
        return False
