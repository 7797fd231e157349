"""Speed profiles stored for this user: one small JSON file for each model and size measured."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from animator.errors import RunError
from animator.runs.atomic import write_whole
from animator.runs.cost import Profile


def folder() -> Path:
    """Return the profiles' folder, below ANIMATOR_CACHE, else XDG_CACHE_HOME, else the system's cache folder."""
    if own := os.environ.get("ANIMATOR_CACHE"):
        return Path(own) / "profiles"
    if given := os.environ.get("XDG_CACHE_HOME"):
        cache = Path(given)
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        cache = Path.home() / ".cache"
    return cache / "animator" / "profiles"


def machine() -> str:
    """Return this computer's network name."""
    return platform.node() or "this machine"


def save(profile: Profile) -> Path:
    """Store `profile` in place of an older one of the same model and size; return its file. Raises RunError."""
    key = f"{profile.machine}\n{profile.setup}\n{profile.width}x{profile.height}"
    file = folder() / f"{hashlib.sha256(key.encode('utf8')).hexdigest()[:16]}.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(asdict(profile), indent=2).encode("utf8"))
    except OSError as error:
        raise RunError(f"{file}: cannot be written: {error.strerror}") from error
    return file


def find(setup: str, width: int, height: int) -> Profile | None:
    """Return this machine's profile of `setup` at this size, else at the nearest size; None if unmeasured."""
    here = machine()
    known = [one for one in _kept() if one.machine == here and one.setup == setup]
    return min(known, key=lambda one: abs(one.width * one.height - width * height), default=None)


def _kept() -> Iterator[Profile]:
    """Yield all stored profiles; skip files that are no profile of this version."""
    for file in sorted(folder().glob("*.json")):
        try:
            profile = Profile(**json.loads(file.read_text(encoding="utf8")))
        except (OSError, ValueError, TypeError):
            continue
        if min(profile.width, profile.height) > 0:
            yield profile
