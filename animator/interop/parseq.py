"""Import a Parseq manifest: values per frame become short key strings, keyframes stay keyframes.

Import the keyframes of a Parseq manifest without rendered frames: values, and formulas between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError
from animator.interop.camera_paths import SCALE, space
from animator.interop.draft import Draft, Source, limits
from animator.interop.keystrings import compact, compact_motion, within
from animator.interop.prompts import SDXL, put_prompts
from animator.scene.settings import MAX_FRAMES
from animator.timeline import easing
from animator.timeline.cadence import MAX_SEED
from animator.timeline.clock import Clock
from animator.timeline.curves import sample

Floats = NDArray[np.float64]

MOST_PROMPTS = 2_000  # prompt keyframes; prompt weights may change on every frame

MOST_TEXT = 200_000  # characters of prompts; people read schedule files, too


class Field(NamedTuple):
    """Target of a Parseq field: our setting, and whether it is a motion, which Parseq writes as a position."""

    path: str
    moves: bool = False
    complement: bool = False


FLAT = {"zoom", "angle", "translation_x", "translation_y"}

SOLID = {"translation_z", "rotation_3d_x", "rotation_3d_y", "rotation_3d_z"}

FIELDS: dict[str, dict[str, Field]] = {
    "2D": {
        "zoom": Field("motion.zoom", True),
        "angle": Field("motion.angle", True),
        "translation_x": Field("motion.translation_x", True),
        "translation_y": Field("motion.translation_y", True),
        "transform_center_x": Field("motion.center_x"),
        "transform_center_y": Field("motion.center_y"),
    },
    "3D": {
        name: Field(f"motion.{name}", True) for name in ("translation_x", "translation_y", *sorted(SOLID))
    },
}

PAINTING = {
    "strength": Field("painting.strength", complement=True),
    "scale": Field("painting.guidance_scale"),
    "steps": Field("painting.steps"),
    "noise": Field("grade.noise"),
    "contrast": Field("grade.contrast"),
    "amount": Field("grade.sharpen"),
}

# Parseq's values of fields that have no effect; None: any constant.
IDLE = {
    "frame": None, "seed": None, "subseed": None, "subseed_strength": 0, "deforum_prompt": None, "antiblur_amount": 0,
    "near": 200, "far": 10_000, "fov": None, "kernel": 5, "sigma": 1, "threshold": 0, "perspective_flip_theta": 0,
    "perspective_flip_phi": 0, "perspective_flip_gamma": 0, "perspective_flip_fv": 53, "info": None,
    "zoom": 1, "transform_center_x": 0.5, "transform_center_y": 0.5,
}  # fmt: skip


def is_parseq(data: Any) -> bool:
    """Return True if a JSON document is a Parseq manifest."""
    return isinstance(data, dict) and (_frames(data) != [] or _frames(data, "keyframes") != [])


def _frames(data: Mapping[str, Any], name: str = "rendered_frames") -> list[dict[str, Any]]:
    found = data.get(name)
    rows = found if isinstance(found, list) else []
    frames = [(row, _number(row.get("frame"))) for row in rows if isinstance(row, dict)]
    return [{**row, "frame": frame} for row, frame in frames if frame is not None]


def read(source: Source, data: Mapping[str, Any], size: tuple[int, int] = (1024, 1024)) -> Draft:
    """Return a Parseq manifest as a draft, for a film of `size` (width, height) in pixels. Raises SceneError."""
    draft = Draft(source, "Parseq manifest")
    draft.put("model.base", SDXL)
    options = data.get("options")
    options = options if isinstance(options, dict) else {}
    draft.put("video.fps", min(max(0.1, _number(options.get("output_fps")) or 20.0), 240.0))
    if _number(options.get("bpm")):
        draft.put("bpm", _number(options["bpm"]))
    draft.put("cadence", int(_number(options.get("cadence")) or 1))
    rows = _frames(data)
    if not rows:
        put_keyframes(draft, _frames(data, "keyframes"), data, size)
        return draft
    last = int(max(row["frame"] for row in rows))
    if not 0 <= last < MAX_FRAMES:
        raise source.error(f"frame {last} is out of range; allowed 0..{MAX_FRAMES - 1:,}", "rendered_frames")
    _put_frames(draft, {int(row["frame"]): row for row in rows}, last + 1, data, size)
    return draft


def mode(names: set[str], managed: Any) -> str:
    """Return "2D" or "3D", which a manifest does not state, from its managed fields or else all its fields."""
    chosen = {name for name in FLAT | SOLID if isinstance(managed, list) and name in managed}
    chosen = chosen or names & (FLAT | SOLID)
    return "3D" if chosen & SOLID and not chosen & {"zoom", "angle"} else "2D"


def put_lens(draft: Draft, kind: str, fov: Floats | None, size: tuple[int, int]) -> dict[str, float]:
    """Set the lens and depth of a 3D film; return the factors from Parseq's translations to pixels, by field."""
    if kind != "3D":
        return {}
    degrees = 40.0 if fov is None else float(np.clip(fov[0], 1, 150))
    if fov is not None and np.ptp(fov) > 0:
        draft.note(
            "fov", f"{fov.min():g}..{fov.max():g}", f"only one field of view per film; {degrees:g} is used"
        )
    found = space(*size, degrees, True)
    draft.put("motion.fov", found.fov)
    draft.put("motion.depth", "model")
    draft.put("motion.depth_scale", round(SCALE, 4))
    return found.factors


def _put_frames(
    draft: Draft,
    rows: dict[int, dict[str, Any]],
    count: int,
    data: Mapping[str, Any],
    size: tuple[int, int],
) -> None:
    names = {name for row in rows.values() for name in row}
    kind = mode(names, data.get("managedFields"))
    draft.says += f", {kind}"
    draft.put("video.frames", count)
    clock = Clock(count, draft.data["video"]["fps"])
    fields = {**FIELDS[kind], **PAINTING}
    factors = put_lens(draft, kind, column(rows, "fov", count), size)
    put_seeds(draft, column(rows, "seed", count))
    put_rendered_prompts(
        draft, {frame: str(row.get("deforum_prompt", "")) for frame, row in rows.items()}, data
    )
    for name, field in fields.items():
        values = column(rows, f"{name}_delta" if field.moves else name, count)
        if values is None and field.moves and (places := column(rows, name, count)) is not None:
            values = deltas(name, places)
        if values is not None:
            values = 1 - values if field.complement else values * factors.get(name, 1.0)
            write = compact_motion if field.moves else compact
            draft.put_curve(field.path, name, write(values), clock)
    for name in sorted(names - set(fields)):
        values = column(rows, name, count)
        if name.endswith(("_delta", "_pc")) or name.startswith("prompt_weight_") or values is None:
            continue
        if np.ptp(values) > 0 or (values[0] != IDLE.get(name, 0) and IDLE.get(name, 0) is not None):
            draft.note(name, f"{values.min():g}..{values.max():g}", "has no counterpart here")


def column(rows: Mapping[int, Mapping[str, Any]], name: str, count: int) -> Floats | None:
    """Return a field's value on every frame (count,), the last one where it is missing; None without any number."""
    found = {frame: value for frame, row in rows.items() if (value := _number(row.get(name))) is not None}
    if not found:
        return None
    frames = np.array(sorted(found))
    values = np.array([found[frame] for frame in frames])
    at = np.maximum(np.searchsorted(frames, np.arange(count), side="right") - 1, 0)
    return np.asarray(values[at], np.float64)


def deltas(name: str, places: Floats) -> Floats:
    """Return the step into every frame from the one before: a ratio for zoom, a difference for other fields."""
    before = np.concatenate([places[:1], places[:-1]])
    if name == "zoom":
        return np.asarray(np.divide(places, before, out=np.ones_like(places), where=before != 0))
    return np.asarray(places - before)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if np.isfinite(found) else None


def put_seeds(draft: Draft, values: Floats | None) -> None:
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


def put_rendered_prompts(draft: Draft, prompts: Mapping[int, str], data: Mapping[str, Any]) -> None:
    """Set the prompts from the rendered frames, or from Parseq's prompt list if they change too often."""
    changes: dict[int, str] = {}
    before, length = None, 0
    for frame in sorted(prompts):
        if prompts[frame] != before:
            before = changes[frame] = prompts[frame]
            length += len(before)
        if len(changes) > MOST_PROMPTS or length > MOST_TEXT:
            draft.note("prompts", f"{prompts[frame]}", "weights that change on every frame are left out")
            put_prompt_list(draft, data.get("prompts"))
            return
    if any(changes.values()):
        put_prompts(draft, changes)
    else:
        put_prompt_list(draft, data.get("prompts"))


def put_prompt_list(draft: Draft, prompts: Any) -> None:
    """Set the prompts from Parseq's own list, or from the single text of its first generation."""
    prompts = prompts if isinstance(prompts, dict) else {}
    listed: Sequence[Any] = (
        prompts["promptList"] if isinstance(prompts.get("promptList"), list) else [prompts]
    )
    texts: dict[int, str] = {}
    for item in listed:
        if isinstance(item, dict) and item.get("positive"):
            start = 0 if item.get("allFrames", True) else int(_number(item.get("from")) or 0)
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

_NAMED = re.compile(r"""(?:bez\()?(?:c\s*=\s*)?["']?(?:ease)(InOut|In|Out)(\w+?)["']?\)?""")

WAYS = {"": "linear", "L": "linear", "S": "step", "C": "smooth", "P": "smooth"}


def put_keyframes(
    draft: Draft, rows: Sequence[Mapping[str, Any]], data: Mapping[str, Any], size: tuple[int, int]
) -> None:
    """Write Parseq's keyframes into `draft`; motions, which Parseq writes as positions, become steps per frame."""
    ordered = sorted(rows, key=lambda row: row["frame"])
    count = int(ordered[-1]["frame"]) + 1
    if not 1 <= count <= MAX_FRAMES:
        raise draft.source.error(
            f"frame {count - 1} is out of range; allowed 0..{MAX_FRAMES - 1:,}", "keyframes"
        )
    names = {name for row in ordered for name in row}
    kind = mode(names, data.get("managedFields"))
    draft.says += f", keyframes, {kind}"
    draft.put("video.frames", count)
    clock = Clock(count, draft.data["video"]["fps"])
    put_prompt_list(draft, data.get("prompts"))
    fov = column({int(row["frame"]): row for row in ordered}, "fov", count)
    factors = put_lens(draft, kind, fov, size)
    for name, field in {**FIELDS[kind], **PAINTING}.items():
        found = keyframes(draft, ordered, name)
        if found and field.moves:
            steps = deltas(name, sample(found, count))
            draft.put_curve(field.path, name, compact_motion(steps * factors.get(name, 1.0)), clock)
        elif found:
            _put(draft, field, name, _complement(found) if field.complement else found, clock)
    seeds = keyframes(draft, ordered, "seed")
    if seeds:
        put_seeds(draft, sample(seeds, count))
    known = {*FIELDS[kind], *PAINTING, *IDLE}
    for name in sorted(names - known):
        values = [row[name] for row in ordered if row.get(name) not in (None, "", 0)]
        if values and not name.endswith("_i") and not name.startswith("prompt_weight_"):
            draft.note(name, values[0], "has no counterpart here")


def _put(draft: Draft, field: Field, name: str, keys: dict[int, Any], clock: Clock) -> None:
    """Set a curve from keyframes, kept within the limits of our setting."""
    first = next(iter(keys.values()))
    level = not isinstance(first, dict) and all(first == _value(item) for item in keys.values())
    curve, wrong = within(first if level else keys, clock, *limits(field.path))
    if wrong:
        draft.note(name, first, wrong)
    draft.put(field.path, curve)


def _value(item: Any) -> Any:
    return item["value"] if isinstance(item, dict) else item


def keyframes(draft: Draft, rows: Sequence[Mapping[str, Any]], name: str) -> dict[int, Any]:
    """Return a field's keyframes in our form: {0: 1, 30: {value: 2, ease: in-out-sine}}.

    A formula is the easing from its keyframe to the following ones, until another formula is written.
    """
    found: dict[int, Any] = {}
    way = "linear"
    for row in rows:
        value = column({0: row}, name, 1)
        if value is not None:
            number = int(value[0]) if float(value[0]).is_integer() else float(value[0])
            plain = way == "linear" or not found
            found[int(row["frame"])] = number if plain else {"value": number, "ease": way}
        formula = row.get(f"{name}_i")
        if formula not in (None, ""):
            way = _way(draft, name, str(formula).strip())
    return found


def _way(draft: Draft, name: str, formula: str) -> str:
    """Return our easing for a Parseq formula; an unknown one is noted and becomes linear."""
    if formula in WAYS:
        if formula in ("C", "P"):
            draft.note(
                f"{name}_i", formula, "becomes 'smooth', a curve through all keys that never overshoots"
            )
        return WAYS[formula]
    if match := _BEZIER.fullmatch(formula):
        ease = f"bezier({', '.join(match.groups())})"
    elif match := _NAMED.fullmatch(formula):
        ease = f"{match[1].replace('InOut', 'In-Out').lower()}-{match[2].lower()}"
    else:
        ease = "bezier(0.5, 0, 0.5, 1)" if formula in ("bez()", "bez") else formula
    try:
        easing.find(ease)
    except CurveError:
        draft.note(f"{name}_i", formula, "no such easing here; linear is used")
        return "linear"
    return ease


def _complement(keys: dict[int, Any]) -> dict[int, Any]:
    """Return keyframes with 1 - each value. Easings keep their shape: they are fractions between two values."""
    return {
        frame: {**item, "value": _one_minus(item["value"])} if isinstance(item, dict) else _one_minus(item)
        for frame, item in keys.items()
    }


def _one_minus(value: float) -> float:
    return round(1 - value, 12)
