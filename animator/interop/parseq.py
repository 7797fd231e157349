"""Import a Parseq manifest: values per frame become short key strings, keyframes stay keyframes.

A manifest without rendered frames has only keyframes: values, and formulas between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.imaging.geometry import FOV_RANGE
from animator.interop.camera_paths import DEPTH_SCALE, put_deforum_lens
from animator.interop.draft import ScheduleDraft, SourceFile, curve_limits
from animator.interop.keystrings import compact, compact_motion, fit_to_limits
from animator.interop.prompts import SDXL_BASE, put_prompts
from animator.scene.settings import MAX_FRAMES
from animator.timeline import easing
from animator.timeline.cadence import MAX_SEED
from animator.timeline.clock import Clock
from animator.timeline.curves import sample

Floats = NDArray[np.float64]

MAX_PROMPT_KEYS = 2_000  # prompt keyframes; prompt weights may change on every frame

MAX_PROMPT_TEXT = 200_000  # characters of prompts; people read schedule files, too


class ParseqField(NamedTuple):
    """Target of a Parseq field: our setting, and whether it is a motion, which Parseq writes as a position."""

    path: str
    is_motion: bool = False
    complement: bool = False


FIELDS_2D = {"zoom", "angle", "translation_x", "translation_y"}

FIELDS_3D = {"translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z"}

MOTION_FIELDS: dict[str, dict[str, ParseqField]] = {
    "2D": {
        "zoom": ParseqField("motion.zoom", True),
        "angle": ParseqField("motion.angle", True),
        "translation_x": ParseqField("motion.translation_x", True),
        "translation_y": ParseqField("motion.translation_y", True),
        "transform_center_x": ParseqField("motion.center_x"),
        "transform_center_y": ParseqField("motion.center_y"),
    },
    "3D": {
        name: ParseqField(f"motion.{name}", True)
        for name in ("translation_x", "translation_y", *sorted(FIELDS_3D))
    },
}

PAINTING_FIELDS = {
    "strength": ParseqField("painting.strength", complement=True),
    "scale": ParseqField("painting.guidance_scale"),
    "steps": ParseqField("painting.steps"),
    "noise": ParseqField("grade.noise"),
    "contrast": ParseqField("grade.contrast"),
    "amount": ParseqField("grade.sharpen"),
}

# Parseq's values of fields that have no effect; None: any constant.
IDLE_VALUES = {
    "frame": None, "seed": None, "subseed": None, "subseed_strength": 0, "deforum_prompt": None, "antiblur_amount": 0,
    "near": 200, "far": 10_000, "fov": None, "kernel": 5, "sigma": 1, "threshold": 0, "perspective_flip_theta": 0,
    "perspective_flip_phi": 0, "perspective_flip_gamma": 0, "perspective_flip_fv": 53, "info": None,
    "zoom": 1, "transform_center_x": 0.5, "transform_center_y": 0.5,
}  # fmt: skip


def is_parseq(data: Any) -> bool:
    """Return True if a JSON document is a Parseq manifest."""
    return isinstance(data, dict) and (_numbered_rows(data) != [] or _numbered_rows(data, "keyframes") != [])


def _numbered_rows(data: Mapping[str, Any], name: str = "rendered_frames") -> list[dict[str, Any]]:
    found = data.get(name)
    rows = found if isinstance(found, list) else []
    frames = [(row, _finite_number(row.get("frame"))) for row in rows if isinstance(row, dict)]
    return [{**row, "frame": frame} for row, frame in frames if frame is not None]


def read_parseq(
    source: SourceFile, data: Mapping[str, Any], size: tuple[int, int] = (1024, 1024)
) -> ScheduleDraft:
    """Return a Parseq manifest as a draft, for a film of `size` (width, height) in pixels. Raises SceneError."""
    draft = ScheduleDraft(source, "Parseq manifest")
    draft.put("model.base", SDXL_BASE)
    options = data.get("options")
    options = options if isinstance(options, dict) else {}
    draft.put("video.fps", min(max(0.1, _finite_number(options.get("output_fps")) or 20.0), 240.0))
    if _finite_number(options.get("bpm")):
        draft.put("bpm", _finite_number(options["bpm"]))
    draft.put("cadence", int(_finite_number(options.get("cadence")) or 1))
    rows = _numbered_rows(data)
    if not rows:
        put_keyframes(draft, _numbered_rows(data, "keyframes"), data, size)
        return draft
    last = int(max(row["frame"] for row in rows))
    if not 0 <= last < MAX_FRAMES:
        raise source.error(f"frame {last} is out of range; allowed 0..{MAX_FRAMES - 1:,}", "rendered_frames")
    _put_frames(draft, {int(row["frame"]): row for row in rows}, last + 1, data, size)
    return draft


def detect_mode(names: set[str], managed_fields: Any) -> str:
    """Return "2D" or "3D", which a manifest does not state, from its managed fields or else all its fields."""
    chosen = {
        name for name in FIELDS_2D | FIELDS_3D if isinstance(managed_fields, list) and name in managed_fields
    }
    chosen = chosen or names & (FIELDS_2D | FIELDS_3D)
    return "3D" if chosen & FIELDS_3D and not chosen & {"zoom", "angle"} else "2D"


def put_lens(
    draft: ScheduleDraft, kind: str, fov: Floats | None, size: tuple[int, int], clock: Clock
) -> dict[str, Floats]:
    """Set the lens and depth of a 3D film; return the factors from Parseq's translations to pixels, by field."""
    if kind != "3D":
        return {}
    degrees = np.clip([40.0] if fov is None else fov, *FOV_RANGE)
    factors = put_deforum_lens(draft, degrees if np.ptp(degrees) > 0 else degrees[:1], size, True, clock)
    draft.put("motion.depth", "model")
    draft.put("motion.depth_scale", round(DEPTH_SCALE, 4))
    return factors


def _put_frames(
    draft: ScheduleDraft,
    rows: dict[int, dict[str, Any]],
    count: int,
    data: Mapping[str, Any],
    size: tuple[int, int],
) -> None:
    names = {name for row in rows.values() for name in row}
    kind = detect_mode(names, data.get("managedFields"))
    draft.description += f", {kind}"
    draft.put("video.frames", count)
    clock = Clock(count, draft.data["video"]["fps"])
    fields = {**MOTION_FIELDS[kind], **PAINTING_FIELDS}
    factors = put_lens(draft, kind, field_values(rows, "fov", count), size, clock)
    put_seeds(draft, field_values(rows, "seed", count))
    put_rendered_prompts(
        draft, {frame: str(row.get("deforum_prompt", "")) for frame, row in rows.items()}, data
    )
    for name, field in fields.items():
        values = field_values(rows, f"{name}_delta" if field.is_motion else name, count)
        if values is None and field.is_motion and (places := field_values(rows, name, count)) is not None:
            values = field_steps(name, places)
        if values is not None:
            values = 1 - values if field.complement else values * factors.get(name, 1.0)
            write = compact_motion if field.is_motion else compact
            draft.put_curve(field.path, name, write(values), clock)
    lens = {"fov"} if kind == "3D" else set()
    for name in sorted(names - set(fields) - lens):
        values = field_values(rows, name, count)
        if name.endswith(("_delta", "_pc")) or name.startswith("prompt_weight_") or values is None:
            continue
        if np.ptp(values) > 0 or (
            values[0] != IDLE_VALUES.get(name, 0) and IDLE_VALUES.get(name, 0) is not None
        ):
            draft.note(name, f"{values.min():g}..{values.max():g}", "has no counterpart here")


def field_values(rows: Mapping[int, Mapping[str, Any]], name: str, count: int) -> Floats | None:
    """Return a field's value on every frame (count,), the last one where it is missing; None without any number."""
    found = {
        frame: value for frame, row in rows.items() if (value := _finite_number(row.get(name))) is not None
    }
    if not found:
        return None
    frames = np.array(sorted(found))
    values = np.array([found[frame] for frame in frames])
    at = np.maximum(np.searchsorted(frames, np.arange(count), side="right") - 1, 0)
    return np.asarray(values[at], np.float64)


def field_steps(name: str, places: Floats) -> Floats:
    """Return the step into every frame from the one before: a ratio for zoom, a difference for other fields."""
    before = np.concatenate([places[:1], places[:-1]])
    if name == "zoom":
        return np.asarray(np.divide(places, before, out=np.ones_like(places), where=before != 0))
    return np.asarray(places - before)


def _finite_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if np.isfinite(found) else None


def put_seeds(draft: ScheduleDraft, values: Floats | None) -> None:
    """Set the seed of every frame: Parseq's value rounded down, as Deforum does."""
    if values is None:
        return
    whole = np.floor(values)
    if (whole < 0).any() or (whole > MAX_SEED).any():
        draft.note("seed", f"{whole.min():g}", "a random seed for each run there; here the seed is 0")
        whole = np.clip(whole, 0, MAX_SEED)
    curve = compact(whole)
    fixed = isinstance(curve, int)
    seed: Any = {"start": curve, "behavior": "fixed"} if fixed else {"behavior": "schedule", "at": curve}
    draft.put("painting.seed", seed)


def put_rendered_prompts(draft: ScheduleDraft, prompts: Mapping[int, str], data: Mapping[str, Any]) -> None:
    """Set the prompts from the rendered frames, or from Parseq's prompt list if they change too often."""
    changes: dict[int, str] = {}
    before, length = None, 0
    for frame in sorted(prompts):
        if prompts[frame] != before:
            before = changes[frame] = prompts[frame]
            length += len(before)
        if len(changes) > MAX_PROMPT_KEYS or length > MAX_PROMPT_TEXT:
            draft.note("prompts", f"{prompts[frame]}", "weights that change on every frame are left out")
            put_prompt_list(draft, data.get("prompts"))
            return
    if any(changes.values()):
        put_prompts(draft, changes)
    else:
        put_prompt_list(draft, data.get("prompts"))


def put_prompt_list(draft: ScheduleDraft, prompts: Any) -> None:
    """Set the prompts from Parseq's own list, or from the single text of its first generation."""
    prompts = prompts if isinstance(prompts, dict) else {}
    listed: Sequence[Any] = (
        prompts["promptList"] if isinstance(prompts.get("promptList"), list) else [prompts]
    )
    texts: dict[int, str] = {}
    for item in listed:
        if isinstance(item, dict) and item.get("positive"):
            start = 0 if item.get("allFrames", True) else int(_finite_number(item.get("from")) or 0)
            if start in texts:
                draft.note(
                    "positive", item["positive"], f"left out; another prompt starts at frame {start}, too"
                )
                continue
            texts[start] = f"{item['positive']} --neg {item.get('negative') or ''}"
    common = prompts.get("commonPrompt")
    common = common if isinstance(common, dict) else {}
    if texts:
        put_prompts(draft, texts, str(common.get("positive") or ""), str(common.get("negative") or ""))


_NUMBER = r"\s*(-?[\d.]+)\s*"

_BEZIER = re.compile(rf"bez\({_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\)")

_NAMED_EASING = re.compile(r"""(?:bez\()?(?:c\s*=\s*)?["']?(?:ease)(InOut|In|Out)(\w+?)["']?\)?""")

FORMULA_EASINGS = {"": "linear", "L": "linear", "S": "step", "C": "smooth", "P": "smooth"}


def put_keyframes(
    draft: ScheduleDraft, rows: Sequence[Mapping[str, Any]], data: Mapping[str, Any], size: tuple[int, int]
) -> None:
    """Write Parseq's keyframes into `draft`; motions, which Parseq writes as positions, become steps per frame."""
    ordered = sorted(rows, key=lambda row: row["frame"])
    count = int(ordered[-1]["frame"]) + 1
    if not 1 <= count <= MAX_FRAMES:
        raise draft.source.error(
            f"frame {count - 1} is out of range; allowed 0..{MAX_FRAMES - 1:,}", "keyframes"
        )
    names = {name for row in ordered for name in row}
    kind = detect_mode(names, data.get("managedFields"))
    draft.description += f", keyframes, {kind}"
    draft.put("video.frames", count)
    clock = Clock(count, draft.data["video"]["fps"])
    put_prompt_list(draft, data.get("prompts"))
    fov = field_values({int(row["frame"]): row for row in ordered}, "fov", count)
    factors = put_lens(draft, kind, fov, size, clock)
    for name, field in {**MOTION_FIELDS[kind], **PAINTING_FIELDS}.items():
        found = parse_keyframes(draft, ordered, name)
        if found and field.is_motion:
            steps = field_steps(name, sample(found, count))
            draft.put_curve(field.path, name, compact_motion(steps * factors.get(name, 1.0)), clock)
        elif found:
            _put_keyframe_curve(
                draft, field, name, _complement_keyframes(found) if field.complement else found, clock
            )
    seeds = parse_keyframes(draft, ordered, "seed")
    if seeds:
        put_seeds(draft, sample(seeds, count))
    known = {*MOTION_FIELDS[kind], *PAINTING_FIELDS, *IDLE_VALUES}
    for name in sorted(names - known):
        values = [row[name] for row in ordered if row.get(name) not in (None, "", 0)]
        if values and not name.endswith("_i") and not name.startswith("prompt_weight_"):
            draft.note(name, values[0], "has no counterpart here")


def _put_keyframe_curve(
    draft: ScheduleDraft, field: ParseqField, name: str, keys: dict[int, Any], clock: Clock
) -> None:
    """Set a curve from keyframes, kept within the limits of our setting."""
    first = next(iter(keys.values()))
    level = not isinstance(first, dict) and all(first == _keyframe_value(item) for item in keys.values())
    curve, wrong = fit_to_limits(first if level else keys, clock, *curve_limits(field.path))
    if wrong:
        draft.note(name, first, wrong)
    draft.put(field.path, curve)


def _keyframe_value(item: Any) -> Any:
    return item["value"] if isinstance(item, dict) else item


def parse_keyframes(draft: ScheduleDraft, rows: Sequence[Mapping[str, Any]], name: str) -> dict[int, Any]:
    """Return a field's keyframes in our form: {0: 1, 30: {value: 2, ease: in-out-sine}}.

    A formula is the easing from its keyframe to the following ones, until another formula is written.
    """
    found: dict[int, Any] = {}
    way = "linear"
    for row in rows:
        value = field_values({0: row}, name, 1)
        if value is not None:
            number = int(value[0]) if float(value[0]).is_integer() else float(value[0])
            plain = way == "linear" or not found
            found[int(row["frame"])] = number if plain else {"value": number, "ease": way}
        formula = row.get(f"{name}_i")
        if formula not in (None, ""):
            way = _easing_for(draft, name, str(formula).strip())
    return found


def _easing_for(draft: ScheduleDraft, name: str, formula: str) -> str:
    """Return our easing for a Parseq formula; an unknown one is noted and becomes linear."""
    if formula in FORMULA_EASINGS:
        if formula in ("C", "P"):
            draft.note(
                f"{name}_i", formula, "becomes 'smooth', a curve through all keys that never overshoots"
            )
        return FORMULA_EASINGS[formula]
    if match := _BEZIER.fullmatch(formula):
        ease = f"bezier({', '.join(match.groups())})"
    elif match := _NAMED_EASING.fullmatch(formula):
        ease = f"{match[1].replace('InOut', 'In-Out').lower()}-{match[2].lower()}"
    else:
        ease = "bezier(0.5, 0, 0.5, 1)" if formula in ("bez()", "bez") else formula
    try:
        easing.find_easing(ease)
    except CurveError:
        draft.note(f"{name}_i", formula, "no such easing here; linear is used")
        return "linear"
    return ease


def _complement_keyframes(keys: dict[int, Any]) -> dict[int, Any]:
    """Return keyframes with 1 - each value. Easings keep their shape: they are fractions between two values."""
    return {
        frame: {**item, "value": _one_minus(item["value"])} if isinstance(item, dict) else _one_minus(item)
        for frame, item in keys.items()
    }


def _one_minus(value: float) -> float:
    return round(1 - value, 12)
