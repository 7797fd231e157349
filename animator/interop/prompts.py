"""Prompts of other programs: negative prompts (`--neg`), LoRA tags, and substitutes for model and sampler names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from animator.errors import CurveError
from animator.interop.draft import ScheduleDraft
from animator.interop.keystrings import rewrite
from animator.models import samplers
from animator.models.prompt_syntax import MAX_WEIGHT
from animator.scene.settings import MAX_PROMPT
from animator.timeline.prompt_formulas import FORMULA_PATTERN, NUMBER_PATTERN, weight_spans

_NEGATIVE = re.compile(r"\s*--neg(?![a-z])\s*")

_LORA = re.compile(r"<lora:([^:<>]+)((?::[^:<>]*)*)>")

_LORA_PART = re.compile(r"^(te|unet|dyn)=")  # <lora:name:te=0.5:unet=0.5>

_TAG_MARK = "\0"  # marks the position of a removed tag

_PROMPT_EDITING = re.compile(r"\[[^\[\]]*(?::\s*[.\d]+\s*|\|[^\[\]]*)\]")  # [from:to:when], [a|b]


def put_prompts(
    draft: ScheduleDraft, prompts: Mapping[int, str], common: str = "", negative: str = ""
) -> None:
    """Write prompts by frame into `draft`: `common` and `negative` are added to each, LoRA tags become LoRAs."""
    texts, negatives, weights = {}, {}, {}
    common, everywhere = _extract_loras(draft, _to_one_line(common))
    negative = _to_one_line(negative)
    for frame in sorted(prompts):
        positive, *rest = _NEGATIVE.split(_to_one_line(prompts[frame]))
        text, found = _extract_loras(draft, positive)
        texts[frame] = _truncate(draft, _escape_weights(draft, text))
        negatives[frame] = _truncate(draft, _escape_weights(draft, _join_parts(*rest, negative)))
        weights[frame] = {**everywhere, **found}
    draft.put("prompts.at", _drop_repeats(texts))
    draft.put("prompts.common", _truncate(draft, _escape_weights(draft, common)) or None)
    draft.put("prompts.negative", _drop_repeats(negatives) or None)
    _put_loras(draft, weights)


def _to_one_line(text: str) -> str:
    """Return `text` on one line. Half of a surrogate pair, which JSON allows and no file can encode, is replaced."""
    return " ".join(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").split())


def _truncate(draft: ScheduleDraft, text: str) -> str:
    if len(text) > MAX_PROMPT:
        draft.note("prompts", text, f"cut after {MAX_PROMPT:,} characters; SDXL reads about 300")
    return text[:MAX_PROMPT]


def _escape_weights(draft: ScheduleDraft, text: str) -> str:
    """Return `text` with the weights it had: other programs allow numbers alone, so text like a formula is escaped."""
    pieces, done = [], 0
    for start, end in weight_spans(text):
        tail, written = text[start:end], text[start - 1 : end]
        if start < done or "`" in tail:
            continue
        if NUMBER_PATTERN.fullmatch(tail):
            try:
                weight = float(tail)
            except ValueError:
                continue
            if weight > MAX_WEIGHT:
                draft.note("prompts", written, f"weights are limited to {MAX_WEIGHT:g}")
                pieces += [text[done:start], f"{MAX_WEIGHT:g}"]
                done = end
        elif FORMULA_PATTERN.search(tail) or tail.rstrip().isidentifier():  # plain text there
            pieces += [text[done : start - 1], "\\:"]
            done = start
    text = "".join([*pieces, text[done:]])
    for match in _PROMPT_EDITING.finditer(text):
        draft.note(
            "prompts", match[0], "prompt editing between sampling steps is not supported; read as plain text"
        )
    return text


def _join_parts(*parts: str) -> str:
    clean = [part.strip().strip(",").strip() for part in parts]
    return ", ".join(part for part in clean if part)


def _drop_repeats(keyframes: dict[int, str]) -> Any:
    """Drop keyframes that repeat the one before; return a single one as its text."""
    found: dict[int, str] = {}
    for frame, text in keyframes.items():
        if not found or text != list(found.values())[-1]:
            found[frame] = text
    return next(iter(found.values())) if len(found) == 1 else found


def _extract_loras(draft: ScheduleDraft, text: str) -> tuple[str, dict[str, Any]]:
    """Return `text` without LoRA tags, and the weight of each LoRA by name."""
    weights: dict[str, Any] = {}

    def take(match: re.Match[str]) -> str:
        name = PurePath(match[1].replace("\\", "/")).name.strip()
        first, *others = (part.strip() for part in match[2].split(":")[1:] or ("1",))
        if any(other not in ("", first) for other in others):
            draft.note("", match[0], "one scale applies to both UNet and text encoders; the first is used")
        try:
            weights[name] = rewrite(_LORA_PART.sub("", first).strip("`"))
        except CurveError:
            draft.note("", match[0], "its scale is neither a number nor an expression; 1 is used")
            weights[name] = 1
        return _TAG_MARK

    whole, *parts = _LORA.sub(take, text.replace(_TAG_MARK, "")).split(_TAG_MARK)
    for part in parts:
        # Keep one comma if there was one on either side of the tag.
        comma = whole.rstrip().endswith(",") or part.lstrip().startswith(",")
        whole = f"{whole.rstrip(' ,')}{',' * comma} {part.lstrip(' ,')}"
    return whole.strip(" ,"), weights


def _put_loras(draft: ScheduleDraft, weights: Mapping[int, Mapping[str, Any]]) -> None:
    """Set the scale of every LoRA over time: constant from prompt to prompt, 0 where a prompt has no tag."""
    for name in dict.fromkeys(name for found in weights.values() for name in found):
        scales: dict[int, Any] = {}
        for frame, found in weights.items():
            scale = found.get(name, 0)
            before = list(scales.values())[-1] if scales else None
            if scale != before:
                scales[frame] = scale
        draft.data.setdefault("model", {}).setdefault("loras", {})[name] = {"file": f"{name}.safetensors"}
        curve = next(iter(scales.values())) if len(scales) == 1 else _jump_keyframes(scales)
        draft.data.setdefault("loras", {})[name] = curve


def _jump_keyframes(scales: dict[int, Any]) -> dict[int, Any]:
    """Return keyframes that jump. An expression is constant until the next key anyway, so none is eased after one."""
    result: dict[int, Any] = {}
    before: Any = ""
    for frame, scale in scales.items():
        result[frame] = scale if isinstance(before, str) else {"value": scale, "ease": "step"}
        before = scale
    return result


def append_lora_tags(text: str, scales: Mapping[str, float]) -> str:
    """Append a LoRA tag to `text` for each scale (name → number) that is not 0."""
    tags = [f"<lora:{name}:{round(scale, 4):g}>" for name, scale in scales.items() if round(scale, 4)]
    return " ".join([text, *tags]).strip()


SDXL_BASE = "stabilityai/stable-diffusion-xl-base-1.0"  # used where a file names no model that can be loaded


# Sampler names of the 2022 web UI by index; below them, the names of the notebooks.
SAMPLERS_BY_INDEX = (
    "Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM fast",
    "DPM adaptive", "LMS Karras", "DPM2 Karras", "DPM2 a Karras", "DPM++ 2S a Karras", "DPM++ 2M Karras",
    "DPM++ SDE Karras", "DDIM", "PLMS",
)  # fmt: skip

SAMPLER_ALIASES = {
    "klms": "LMS", "dpm2_ancestral": "DPM2 a",
    "dpmpp_2s_a": "DPM++ 2S a", "unipc": "UniPC",
}  # fmt: skip


def put_model(draft: ScheduleDraft, key: str, name: str) -> None:
    """Set the draft's model to `name` if it is a .safetensors file, else to SDXL base; note what has to be done."""
    known = re.match(r"sd_?xl_?base|stable-diffusion-xl-base", name, re.I)
    if name.endswith(".safetensors") and not known:
        draft.put("model.base", re.split(r"[\\/]", name)[-1])
        draft.note(key, name, "copy the file beside the schedule file; it must be an SDXL model")
        return
    draft.put("model.base", SDXL_BASE)
    if name and not known:
        draft.note(key, name, f"only SDXL models in .safetensors files are supported; {SDXL_BASE} is used")


def find_sampler(draft: ScheduleDraft, key: str, written: Any, scheduler: str) -> str:
    """Return our name of a sampler with its schedule type; note substitutes for unavailable ones."""
    name = str(written).strip()
    if name.isdecimal():
        name = SAMPLERS_BY_INDEX[int(name)] if int(name) < len(SAMPLERS_BY_INDEX) else "Euler a"
    name = SAMPLER_ALIASES.get(name.lower(), name)
    found = _known_sampler(name)
    if found is None:
        ancestral = re.search(r" a\b|ancestral", name)
        found = samplers.SUBSTITUTES.get(name.lower(), "Euler a" if ancestral else "Euler")
        draft.note(key, written, f"sampler not available here; {found} is used")
    if scheduler.lower() in ("", samplers.AUTOMATIC, *found.lower().split()):
        return found
    spaced = _known_sampler(f"{found} {scheduler}")
    if spaced is None:
        draft.note(key, scheduler, "schedule type not available here; left out")
    return spaced or found


def _known_sampler(name: str) -> str | None:
    try:
        return samplers.find_sampler(name).name
    except CurveError:
        return None
