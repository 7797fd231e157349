"""Model and sampler names of other programs, and substitutes for those not available here."""

from __future__ import annotations

import re
from typing import Any

from animator.errors import CurveError
from animator.interop.draft import Draft
from animator.models import samplers

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"  # used where a file names no model that can be loaded

# Sampler names of the 2022 web UI by index; below them, the names of the notebooks.
BY_INDEX = (
    "Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM fast",
    "DPM adaptive", "LMS Karras", "DPM2 Karras", "DPM2 a Karras", "DPM++ 2S a Karras", "DPM++ 2M Karras",
    "DPM++ SDE Karras", "DDIM", "PLMS",
)  # fmt: skip
SAMPLERS = {
    "klms": "LMS", "dpm2_ancestral": "DPM2 a",
    "dpmpp_2s_a": "DPM++ 2S a", "unipc": "UniPC",
}  # fmt: skip


def put_model(draft: Draft, key: str, name: str) -> None:
    """Set the draft's model to `name` if it is a .safetensors file, else to SDXL base; note what has to be done."""
    known = re.match(r"sd_?xl_?base|stable-diffusion-xl-base", name, re.I)
    if name.endswith(".safetensors") and not known:
        draft.put("model.base", re.split(r"[\\/]", name)[-1])
        draft.note(key, name, "copy the file beside the schedule file; it must be an SDXL model")
        return
    draft.put("model.base", SDXL)
    if name and not known:
        draft.note(key, name, f"only SDXL models in .safetensors files are supported; {SDXL} is used")


def sampler(draft: Draft, key: str, written: Any, scheduler: str) -> str:
    """Return our name of a sampler with its schedule type; note substitutes for unavailable ones."""
    name = str(written).strip()
    if name.isdecimal():
        name = BY_INDEX[int(name)] if int(name) < len(BY_INDEX) else "Euler a"
    name = SAMPLERS.get(name.lower(), name)
    found = _found(name)
    if found is None:
        ancestral = re.search(r" a\b|ancestral", name)
        found = samplers.LACKING.get(name.lower(), "Euler a" if ancestral else "Euler")
        draft.note(key, written, f"sampler not available here; {found} is used")
    if scheduler.lower() in ("", samplers.AUTOMATIC, *found.lower().split()):
        return found
    spaced = _found(f"{found} {scheduler}")
    if spaced is None:
        draft.note(key, scheduler, "schedule type not available here; left out")
    return spaced or found


def _found(name: str) -> str | None:
    try:
        return samplers.find(name).name
    except CurveError:
        return None
