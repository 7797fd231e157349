"""The size a model was made for: the square with as many pixels as its pictures had best have."""

from __future__ import annotations

import json
from pathlib import Path

NAMED = {"nano": 256, "stabilityai/sdxl-turbo": 512}  # width in pixels; every other SDXL model: 1024
SDXL = 1024
GRAIN = 8  # pixels to a latent


def native(base: str, place: Path) -> int:
    """Width in pixels of the square of the model `base`: a name, or the diffusers folder at `place`."""
    if base in NAMED:
        return NAMED[base]
    file = place / "unet" / "config.json"
    try:
        found = json.loads(file.read_bytes())["sample_size"] if file.is_file() else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # of which loading tells more
        return SDXL
    return found * GRAIN if isinstance(found, int) and found > 0 else SDXL
