"""Paths of the files and models that settings name, and of the presets and 3D models that come along."""

from __future__ import annotations

import os
from pathlib import Path


def named_path(folder: Path, name: str) -> Path:
    """Return the path that `name` means in `folder`: absolute paths stay, `~` is the home folder."""
    return folder / os.path.expanduser(name)  # noqa: PTH111 (pathlib's raises for an unknown user)


def data_folder(name: str) -> Path:
    """Return the folder `presets` or `schedules`: in the package if it is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def bundled_product_models() -> dict[str, Path]:
    """Return the 3D models that come along: name → file."""
    return {file.stem: file for file in sorted((data_folder("schedules") / "models").glob("*.glb"))}
