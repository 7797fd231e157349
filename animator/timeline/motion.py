"""Motion per frame from rates, positions or named moves (push-in, settle …), and its description in English."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from math import log, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, quote_text, suggest
from animator.frame import Frame, Motion, setting_fields
from animator.imaging.geometry import (
    FIELDS_3D,
    Lens,
    rotation_angles,
    rotation_pose,
    rotation_zoom_matrix,
    translation_matrix,
)
from animator.scene.scene import Scene
from animator.timeline import easing
from animator.timeline.clock import Clock
from animator.timeline.expression_functions import FUNCTIONS

RIGID_TOLERANCE = 1e-6  # tolerance of a rotation matrix: a zoom between two tilts deviates by more


# Name → "sum" or "product", to which the rates of a film's frames are joined.
RATES = {item.name: item.metadata["total"] for item in setting_fields(Motion) if "total" in item.metadata}


def rates_per_frame(motions: Sequence[Motion], fps: float, totals: Container[str] = ()) -> list[Motion]:
    """Convert rates per second to rates per frame, so that their sum over a second is equal at any fps.

    The rates of the names in `totals` are per frame already.
    """
    given = {name: kind for name, kind in RATES.items() if name not in totals}
    return [
        replace(
            motion,
            **{
                name: getattr(motion, name) ** (1 / fps) if kind == "product" else getattr(motion, name) / fps
                for name, kind in given.items()
            },
        )
        for motion in motions
    ]


def positions_to_steps(positions: Sequence[Motion], width: int, height: int) -> list[Motion]:
    """Convert absolute positions of the first image (zoom, angle, translation) to the motion into each frame.

    A position rotates and zooms the image about the centre and then moves it by the translation, in pixels.
    """
    views = [translation_matrix(at) @ rotation_zoom_matrix(at, width, height) for at in positions]
    result = [replace(positions[0], zoom=1.0, angle=0.0, translation_x=0.0, translation_y=0.0)]
    for before, at, view, target in zip(positions, positions[1:], views, views[1:], strict=False):
        step = replace(at, zoom=at.zoom / before.zoom, angle=at.angle - before.angle)
        way = np.linalg.inv(rotation_zoom_matrix(step, width, height)) @ target @ np.linalg.inv(view)
        result.append(replace(step, translation_x=float(way[0, 2]), translation_y=float(way[1, 2])))
    return result


def positions_to_steps_3d(positions: Sequence[Motion], lens: Lens) -> list[Motion]:
    """Convert absolute positions of a 3D camera to the motion into each frame.

    The motions rotate the camera and translate the scene before it; orbits of the positions become both. Positions
    are in pixels of the first image. Raises CurveError where no single motion leads from one position to the next.
    """
    lens = lens.at(positions[0])
    still = dict.fromkeys((*FIELDS_3D, "angle", "translation_x", "translation_y"), 0.0)
    result = [replace(positions[0], zoom=1.0, **still)]
    for frame, (before, at) in enumerate(pairwise(positions), start=1):
        step = replace(at, **{**still, "zoom": at.zoom / before.zoom, "angle": at.angle - before.angle})
        whole = lens.position_pose(at) @ np.linalg.inv(lens.position_pose(before))
        rest = np.asarray(np.linalg.inv(lens.at(step).zoom_rotation_pose(step)) @ whole, np.float64)
        tilt, pan, roll = rotation_angles(rest[:3, :3])
        step = replace(step, rotation_3d_x=tilt, rotation_3d_y=pan, rotation_3d_z=roll)
        if np.abs(rotation_pose(step)[:3, :3] - rest[:3, :3]).max() > RIGID_TOLERANCE:
            message = "zoom, or angle about another centre, cannot change while the camera is turned"
            raise CurveError(f"{message} (frame {frame}); come nearer with translation_z")
        x, y, z = (float(value) for value in np.linalg.inv(rest[:3, :3]) @ rest[:3, 3])
        result.append(replace(step, translation_x=x, translation_y=y, translation_z=-z))
    return result


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Move:
    """A named move: the column it changes, its total amount, and the ease with which it starts and stops."""

    description: str
    column: str
    amount: float  # zoom: ratio; angles: degrees; translations: part of the image's width or height
    ease: str = "in-out-sine"
    sign: int = 1  # -1 inverts the direction


MOVES = {
    "push-in": Move("the image grows; amount: how many times", "zoom", 1.2),
    "pull-out": Move("the image shrinks; amount: how many times", "zoom", 1.2, sign=-1),
    "settle": Move("a push-in that dies away; amount: how many times", "zoom", 1.08, "out-quint"),
    "rise": Move("the camera rises, the image sinks; amount: part of the height", "translation_y", 0.12),
    "sink": Move(
        "the camera sinks, the image rises; amount: part of the height", "translation_y", 0.12, sign=-1
    ),
    "pan-left": Move(
        "the camera looks left, the image moves right; amount: part of the width", "translation_x", 0.12
    ),
    "pan-right": Move(
        "the camera looks right, the image moves left; amount: part of the width",
        "translation_x",
        0.12,
        sign=-1,
    ),
    "orbit-left": Move("the camera goes left around the product; amount: degrees", "orbit_y", 15.0, sign=-1),
    "orbit-right": Move("the camera goes right around the product; amount: degrees", "orbit_y", 15.0),
    "roll-left": Move("the image turns counter-clockwise; amount: degrees", "angle", 8.0),
    "roll-right": Move("the image turns clockwise; amount: degrees", "angle", 8.0, sign=-1),
}

HOLD, HANDHELD = "hold", "handheld"

MOVE_NAMES = (*MOVES, HOLD, HANDHELD)

HANDHELD_FADE = 0.3  # seconds over which the shake of `handheld` rises and falls


@dataclass(frozen=True, slots=True)
class Shake:
    """A camera shake at strength 1: `place` in parts of the longer side, `angle` in degrees, `speed` per second."""

    description: str
    place: float
    angle: float
    speed: float


SHAKES = {
    "breath": Shake("a camera on a chest", 0.0025, 0.10, 0.35),
    HANDHELD: Shake("a camera in the hand", 0.005, 0.35, 1.1),
    "walk": Shake("a camera carried along", 0.010, 0.70, 1.9),
    "rumble": Shake("a camera on an engine", 0.004, 0.25, 8.0),
}


def add_moves(motions: Sequence[Motion], written: dict[str, Any], clock: Clock, size: Any) -> list[Motion]:
    """Return `motions` with the moves of `written` added, {time: name or {move, amount, ease}}. Raises CurveError."""
    for start, stop, key, value in _move_spans(written, clock):
        try:
            motions = _add_move(motions, start, stop, value, clock, size)
        except CurveError as error:
            raise CurveError(str(error), key) from error
    return list(motions)


def without_shake(scene: Scene) -> tuple[Scene, str]:
    """Return the scene without its camera's shake, and a sentence that describes the shake; empty if there is none."""
    motion = scene.settings.motion
    words = {
        key: value.get("move") if isinstance(value, dict) else value for key, value in motion.moves.items()
    }
    shaken = [key for key, word in words.items() if word == HANDHELD]
    says = [f"shakes like {SHAKES[motion.shake.like].description}"] if motion.shake is not None else []
    says += [f"from {key} on it shakes like {SHAKES[HANDHELD].description}" for key in shaken]
    if not says:
        return scene, ""
    moves = {**motion.moves, **dict.fromkeys(shaken, HOLD)}
    still = motion.model_copy(update={"shake": None, "moves": moves})
    settings = scene.settings.model_copy(update={"motion": still})
    sentence = f"The camera {'; '.join(says)}; the description below leaves that out."
    return replace(scene, settings=settings), sentence


def has_orbit(written: dict[str, Any]) -> bool:
    """Return True if a move goes around the product, which needs a 3D camera."""
    words = [value.get("move") if isinstance(value, dict) else value for value in written.values()]
    return any(word in MOVES and MOVES[word].column == "orbit_y" for word in words)


def _move_spans(written: dict[str, Any], clock: Clock) -> list[tuple[int, int, str, Any]]:
    """Return start frame, end frame, key and value of each move; it ends at the next key or the film's last frame."""
    frames: dict[int, tuple[str, Any]] = {}
    for key, value in written.items():
        frame = clock.frame(str(key))
        if not 0 <= frame < clock.frames:
            raise CurveError(f"frame {frame} is outside the film's 0..{clock.frames - 1}", str(key))
        if frame in frames:
            raise CurveError(f"{key} and {frames[frame][0]} are both frame {frame}", str(key))
        frames[frame] = (str(key), value)
    starts = [*sorted(frames), clock.frames - 1]
    return [(start, stop, *frames[start]) for start, stop in pairwise(starts)]


def _add_move(
    motions: Sequence[Motion], start: int, stop: int, value: Any, clock: Clock, size: Any
) -> Sequence[Motion]:
    """Return `motions` with one more move, which starts at frame `start` and is complete at frame `stop`."""
    given = value if isinstance(value, dict) else {"move": value}
    for name in given:
        if name not in ("move", "amount", "ease"):
            raise CurveError(
                f"{quote_text(str(name))} is not an option of a move; {suggest(str(name), ['move', 'amount', 'ease'])}"
            )
    word = given.get("move")
    if word not in MOVE_NAMES:
        raise CurveError(f"unknown move {quote_text(str(word))}; {suggest(str(word), MOVE_NAMES)}")
    if word == HOLD or stop == start:
        return motions
    if word == HANDHELD:
        return add_shake(
            motions,
            SHAKES[HANDHELD],
            _fade_window(start, stop, clock) * _move_amount(given, 1.0),
            clock,
            size,
        )
    move = MOVES[word]
    share = np.diff(easing.find_easing(given.get("ease", move.ease))(np.linspace(0, 1, stop - start + 1)))
    amount = _move_amount(given, move.amount)
    if move.column == "zoom" and not amount > 0:
        raise CurveError(f"amount {amount:g} of {word}: a zoom is a ratio above 0")
    length = {"translation_x": size.width, "translation_y": size.height}.get(move.column, 1)
    result = list(motions)
    for i, part in enumerate(share * move.sign, start=start + 1):
        old = getattr(result[i], move.column)
        new = old * amount**part if move.column == "zoom" else old + amount * length * part
        result[i] = replace(result[i], **{move.column: float(new)})
    return result


def _move_amount(given: dict[str, Any], usual: float) -> float:
    amount = given.get("amount", usual)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not abs(amount) < 1e4:
        raise CurveError(f"{amount!r} is not an amount; write a number")
    return float(amount)


def _fade_window(start: int, stop: int, clock: Clock) -> Floats:
    """Return a weight per frame: 1 between `start` and `stop`, with smooth ramps of FADE seconds at both ends."""
    t = np.arange(clock.frames, dtype=np.float64)
    ramp = max(min(HANDHELD_FADE * clock.fps, (stop - start) / 2), 1.0)
    x = np.clip(np.minimum(t - start, stop - t) / ramp, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), np.float64)


def add_shake(
    motions: Sequence[Motion], shake: Shake, strength: Floats, clock: Clock, size: Any
) -> list[Motion]:
    """Return `motions` with a shake of `strength` (frames,) added; the clock's seed determines it on every machine."""
    noise = FUNCTIONS["noise"].compute
    assert noise is not None
    sec = np.arange(clock.frames) / clock.fps * shake.speed

    def wander(kind: int, amount: float) -> list[float]:
        seed = 8.0 * clock.seed + kind
        place = (noise(sec, seed) + 0.35 * noise(2.7 * sec, seed + 4)) * strength * amount
        return [0.0, *np.diff(place).tolist()]

    pixels = shake.place * max(size.width, size.height)
    columns = (wander(0, pixels), wander(1, pixels), wander(2, shake.angle))
    return [
        replace(
            motion,
            translation_x=motion.translation_x + x,
            translation_y=motion.translation_y + y,
            angle=motion.angle + turn,
        )
        for motion, x, y, turn in zip(motions, *columns, strict=True)
    ]


# Less than this over a segment is not visible: ratio, degrees, pixels.
STILL_ZOOM, STILL_ANGLE, STILL_PLACE = 0.002, 0.05, 0.5


PHRASES_3D = {
    "translation_z": (STILL_PLACE, "comes {:.0f} pixels nearer", "goes {:.0f} pixels away"),
    "rotation_3d_x": (STILL_ANGLE, "tilts {:.1f} degrees down", "tilts {:.1f} degrees up"),
    "rotation_3d_y": (STILL_ANGLE, "pans {:.1f} degrees left", "pans {:.1f} degrees right"),
    "rotation_3d_z": (
        STILL_ANGLE,
        "rolls {:.1f} degrees counter-clockwise",
        "rolls {:.1f} degrees clockwise",
    ),
    "orbit_x": (STILL_ANGLE, "is seen from {:.1f} degrees higher", "is seen from {:.1f} degrees lower"),
    "orbit_y": (
        STILL_ANGLE,
        "is seen from {:.1f} degrees further right",
        "is seen from {:.1f} degrees further left",
    ),
}


def describe_motion(frames: Sequence[Frame], fps: float) -> Iterator[str]:
    """Yield a sentence per segment of one prompt and direction of motion: times, motion, painted frames, prompt."""
    for stretch in _motion_segments(frames):
        text = stretch[0].prompt.text
        first, last = stretch[0].index, stretch[-1].index
        moves = _describe_sum([frame.motion for frame in stretch])
        painted = sum(frame.diffuse for frame in stretch)
        seconds = f"{first / fps:.2f}-{(last + 1) / fps:.2f} s (frames {first}-{last})"
        yield f"{seconds}: {moves}; {painted} of {len(stretch)} frames painted: {text or 'no prompt'}."


def _motion_segments(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Return segments of one prompt and one direction of motion; a single frame joins the segment before it."""
    groups = groupby(frames, key=lambda frame: (frame.prompt.text, _direction_signs(frame.motion)))
    stretches: list[list[Frame]] = []
    for _, group in groups:
        stretch = list(group)
        last = stretches[-1] if stretches else []
        if last and last[-1].prompt.text == stretch[0].prompt.text and 1 in (len(last), len(stretch)):
            last.extend(stretch)
        else:
            stretches.append(stretch)
    return stretches


def _direction_signs(motion: Motion) -> tuple[int, ...]:
    """Return the sign (-1, 0, 1) of each component of a motion, equal for all frames of a segment."""
    names = ("angle", "translation_x", "translation_y", *FIELDS_3D)
    widening = (motion.fov or 0.0) - (motion.fov_before or 0.0)
    values = (log(motion.zoom), *(getattr(motion, name) for name in names), widening)
    return tuple((value > 1e-9) - (value < -1e-9) for value in values)


def _describe_sum(motions: Sequence[Motion]) -> str:
    """Describe the sum of `motions`, e.g. `the image pushes in to 1.13 times and rises 48 pixels`."""
    zoom = prod(motion.zoom for motion in motions)
    angle = sum(motion.angle for motion in motions)
    right, down = (
        sum(getattr(motion, name) for motion in motions) for name in ("translation_x", "translation_y")
    )
    parts = []
    if abs(zoom - 1) > STILL_ZOOM:
        parts.append(f"pushes in to {zoom:.2f} times" if zoom > 1 else f"pulls out to {zoom:.2f} times")
    if abs(angle) > STILL_ANGLE:
        parts.append(f"turns {abs(angle):.1f} degrees {'counter-clockwise' if angle > 0 else 'clockwise'}")
    if abs(right) > STILL_PLACE:
        parts.append(f"slides {abs(right):.0f} pixels {'right' if right > 0 else 'left'}")
    if abs(down) > STILL_PLACE:
        parts.append(f"{'sinks' if down > 0 else 'rises'} {abs(down):.0f} pixels")
    for name, (still, more, less) in PHRASES_3D.items():
        total = sum(getattr(motion, name) for motion in motions)
        if abs(total) > still:
            parts.append((more if total > 0 else less).format(abs(total)))
    before, after = motions[0].fov_before, motions[-1].fov
    if before is not None and after is not None and abs(after - before) > STILL_ANGLE:
        way = "widens" if after > before else "narrows"
        parts.append(f"is seen through a lens that {way} from {before:.1f} to {after:.1f} degrees")
    if not parts:
        return "the image stands still"
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"the image {listed}"
