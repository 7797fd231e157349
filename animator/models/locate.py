"""Paths of the files and models that settings name."""

from __future__ import annotations

import os
from pathlib import Path


def named_path(folder: Path, name: str) -> Path:
    """Return the path that `name` means in `folder`: absolute paths stay, `~` is the home folder."""
    return folder / os.path.expanduser(name)  # noqa: PTH111 (pathlib's raises for an unknown user)
