"""Models and samplers by the names others give them, and what stands in for those we lack."""

from __future__ import annotations

import re
from typing import Any

from animator.errors import CurveError
from animator.interop.draft import Draft
from animator.models import samplers

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"  # painted with where a file names no model that we can load

# Webui names of 2022 by index, and the notebooks' names.
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
    """The model that a file names, if it is one we can load; SDXL's own otherwise."""
    known = re.match(r"sd_?xl_?base|stable-diffusion-xl-base", name, re.I)
    if name.endswith(".safetensors") and not known:
        draft.put("model.base", re.split(r"[\\/]", name)[-1])
        draft.note(key, name, "the file must lie beside the schedule file, and be an SDXL model")
        return
    draft.put("model.base", SDXL)
    if name and not known:
        draft.note(key, name, f"only SDXL models in .safetensors files are painted with: {SDXL} is taken")


def sampler(draft: Draft, key: str, written: Any, scheduler: str) -> str:
    """Our name of the sampler; what stands in for one that we lack is noted."""
    name = str(written).strip()
    if name.isdecimal():
        name = BY_INDEX[int(name)] if int(name) < len(BY_INDEX) else "Euler a"
    name = SAMPLERS.get(name.lower(), name)
    found = _found(name)
    if found is None:
        ancestral = re.search(r" a\b|ancestral", name)
        found = samplers.LACKING.get(name.lower(), "Euler a" if ancestral else "Euler")
        draft.note(key, written, f"no such sampler here: {found} stands in")
    if scheduler.lower() in ("", samplers.AUTOMATIC, *found.lower().split()):
        return found
    spaced = _found(f"{found} {scheduler}")
    if spaced is None:
        draft.note(key, scheduler, "no such schedule here: left out")
    return spaced or found


def _found(name: str) -> str | None:
    try:
        return samplers.find(name).name
    except CurveError:
        return None
