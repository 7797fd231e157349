"""Native size of a model: the side of the square with the number of pixels it was trained on."""

from __future__ import annotations

import json
from pathlib import Path

NAMED = {"nano": 256, "stabilityai/sdxl-turbo": 512}  # side in pixels, by name
SDXL = 1024  # side in pixels of every other SDXL model
GRAIN = 8  # pixels per latent, in each direction


def native(base: str, place: Path) -> int:
    """Return the native side in pixels of the model `base`: by its name, or by the diffusers folder at `place`."""
    if base in NAMED:
        return NAMED[base]
    file = place / "unet" / "config.json"
    try:
        found = json.loads(file.read_bytes())["sample_size"] if file.is_file() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # loading the model reports it
        return SDXL
    return found * GRAIN if isinstance(found, int) and found > 0 else SDXL
