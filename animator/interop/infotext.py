"""Import the infotext that the web UI writes into images: prompt, negative prompt, `Name: value` pairs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from animator.errors import CurveError
from animator.interop.choices import put_model, sampler
from animator.interop.draft import Draft, Source
from animator.interop.keystrings import rewrite
from animator.interop.prompts import put_prompts
from animator.timeline.seeds import MAX_SEED

_PAIR = re.compile(r'\s*([A-Za-z][\w \-/+]{0,60}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LAST = re.compile(r"Steps:\s*\d+,.*", re.S)
# Facts about an image's making or naming that do not affect the look of a film.
SILENT = {
    "Model hash", "Version", "Lora hashes", "TI hashes", "Hashes", "RNG", "Schedule type", "VAE", "VAE hash", "Parser",
    "User", "Size-1", "Size-2", "Schedule max sigma", "Schedule min sigma",
}  # fmt: skip


def split(text: str) -> tuple[str, str, dict[str, str]] | None:
    """Split an infotext into prompt, negative prompt and pairs; return None for any other text."""
    lines = text.strip().splitlines()
    start = next((at for at in range(len(lines) - 1, -1, -1) if _LAST.match(lines[at])), None)
    if start is None:
        return None
    pairs = {name.strip(): _unquoted(value) for name, value in _PAIR.findall(" ".join(lines[start:]))}
    body = "\n".join(lines[:start])
    prompt, _, negative = body.partition("Negative prompt:")
    return prompt.strip(), negative.strip(), pairs


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value.strip()
    except ValueError:
        return value.strip('"')


def read(source: Source, prompt: str, negative: str, pairs: Mapping[str, str]) -> Draft:
    """Return a draft with the settings of an image: the look of a film, without any motion."""
    draft = Draft(source, "infotext of an image")
    put_model(draft, "Model", _model(pairs.get("Model", "")))
    put_prompts(draft, {0: prompt}, negative=negative)
    if re.fullmatch(r"\d+x\d+", pairs.get("Size", "")):
        width, height = (int(side) // 8 * 8 for side in pairs["Size"].split("x"))
        draft.put("video.size", f"{width}x{height}")
    for name, path in (("Steps", "painting.steps"), ("CFG scale", "painting.guidance_scale")):
        _put(draft, path, name, pairs)
    if "Hires upscale" not in pairs:  # with it, the strength is that of the upscaling pass
        _put(draft, "painting.strength", "Denoising strength", pairs)
    if pairs.get("Seed", "").isdecimal() and int(pairs["Seed"]) <= MAX_SEED:
        draft.put("painting.seed", {"start": int(pairs["Seed"])} | _variation(pairs))
    if "Sampler" in pairs:
        given = sampler(draft, "Sampler", pairs["Sampler"], pairs.get("Schedule type", ""))
        draft.put("painting.sampler", given)
    read_here = {"Model", "Size", "Steps", "CFG scale", "Seed", "Sampler", *SILENT}
    if _variation(pairs):
        read_here |= set(VARIATION)
    if "Hires upscale" not in pairs:
        read_here.add("Denoising strength")
    for name, value in pairs.items():
        if name not in read_here and not (name == "Clip skip" and value == "2"):  # as SDXL always does
            draft.note(name, value, "has no counterpart here")
    return draft


VARIATION = ("Variation seed", "Variation seed strength")


def _variation(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Return the second seed and the share of its noise, or an empty dict."""
    seed, strength = (pairs.get(name, "") for name in VARIATION)
    if not seed.isdecimal() or int(seed) > MAX_SEED or not re.fullmatch(r"0?\.\d+|[01](\.0*)?", strength):
        return {}
    return {"subseed": int(seed), "subseed_strength": float(strength)}


def _model(name: str) -> str:
    return name if not name or name.endswith((".safetensors", ".ckpt")) else f"{name}.safetensors"


def _put(draft: Draft, path: str, name: str, pairs: Mapping[str, str]) -> None:
    if name in pairs:
        try:
            value: Any = rewrite(pairs[name])
        except CurveError:
            value = None
        if isinstance(value, int | float):
            draft.put(path, value)
