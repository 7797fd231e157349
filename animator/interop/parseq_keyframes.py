"""Import the keyframes of a Parseq manifest without rendered frames: values, and formulas between them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from animator.errors import CurveError
from animator.interop import parseq
from animator.interop.draft import Draft, limits
from animator.interop.keystrings import compact_motion, within
from animator.scene.settings import MAX_FRAMES
from animator.timeline import easing
from animator.timeline.clock import Clock
from animator.timeline.curves import sample

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
    kind = parseq.mode(names, data.get("managedFields"))
    draft.says += f", keyframes, {kind}"
    draft.put("video.frames", count)
    clock = Clock(count, draft.data["video"]["fps"])
    parseq.put_prompt_list(draft, data.get("prompts"))
    fov = parseq.column({int(row["frame"]): row for row in ordered}, "fov", count)
    factors = parseq.put_lens(draft, kind, fov, size)
    for name, field in {**parseq.FIELDS[kind], **parseq.PAINTING}.items():
        found = keyframes(draft, ordered, name)
        if found and field.moves:
            steps = parseq.deltas(name, sample(found, count))
            draft.put_curve(field.path, name, compact_motion(steps * factors.get(name, 1.0)), clock)
        elif found:
            _put(draft, field, name, _complement(found) if field.complement else found, clock)
    seeds = keyframes(draft, ordered, "seed")
    if seeds:
        parseq.put_seeds(draft, sample(seeds, count))
    known = {*parseq.FIELDS[kind], *parseq.PAINTING, *parseq.IDLE}
    for name in sorted(names - known):
        values = [row[name] for row in ordered if row.get(name) not in (None, "", 0)]
        if values and not name.endswith("_i") and not name.startswith("prompt_weight_"):
            draft.note(name, values[0], "has no counterpart here")


def _put(draft: Draft, field: parseq.Field, name: str, keys: dict[int, Any], clock: Clock) -> None:
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
        value = parseq.column({0: row}, name, 1)
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
