"""Named moves (push-in, settle, handheld …), each a curve over its part of the film; and the camera's shake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, nearest, quoted
from animator.frame import Motion
from animator.scene.scene import Scene
from animator.timeline import easing
from animator.timeline.clock import Clock
from animator.timeline.functions import FUNCTIONS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Move:
    """A named move: the column it changes, its total amount, and the ease with which it starts and stops."""

    says: str
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
WORDS = (*MOVES, HOLD, HANDHELD)
FADE = 0.3  # seconds over which the shake of `handheld` rises and falls


@dataclass(frozen=True, slots=True)
class Shake:
    """A camera shake at strength 1: `place` in parts of the longer side, `angle` in degrees, `speed` per second."""

    says: str
    place: float
    angle: float
    speed: float


SHAKES = {
    "breath": Shake("a camera on a chest", 0.0025, 0.10, 0.35),
    HANDHELD: Shake("a camera in the hand", 0.005, 0.35, 1.1),
    "walk": Shake("a camera carried along", 0.010, 0.70, 1.9),
    "rumble": Shake("a camera on an engine", 0.004, 0.25, 8.0),
}


def with_moves(motions: Sequence[Motion], written: dict[str, Any], clock: Clock, size: Any) -> list[Motion]:
    """Return `motions` with the moves of `written` added, {time: name or {move, amount, ease}}. Raises CurveError."""
    for start, stop, key, value in _stretches(written, clock):
        try:
            motions = _moved(motions, start, stop, value, clock, size)
        except CurveError as error:
            raise CurveError(str(error), key) from error
    return list(motions)


def calm(scene: Scene) -> tuple[Scene, str]:
    """Return the scene without its camera's shake, and a sentence that describes the shake; empty if there is none."""
    motion = scene.settings.motion
    words = {
        key: value.get("move") if isinstance(value, dict) else value for key, value in motion.moves.items()
    }
    shaken = [key for key, word in words.items() if word == HANDHELD]
    says = [f"shakes like {SHAKES[motion.shake.like].says}"] if motion.shake is not None else []
    says += [f"from {key} on it shakes like {SHAKES[HANDHELD].says}" for key in shaken]
    if not says:
        return scene, ""
    moves = {**motion.moves, **dict.fromkeys(shaken, HOLD)}
    still = motion.model_copy(update={"shake": None, "moves": moves})
    settings = scene.settings.model_copy(update={"motion": still})
    sentence = f"The camera {'; '.join(says)}; the description below leaves that out."
    return replace(scene, settings=settings), sentence


def orbits(written: dict[str, Any]) -> bool:
    """Return True if a move goes around the product, which needs a 3D camera."""
    words = [value.get("move") if isinstance(value, dict) else value for value in written.values()]
    return any(word in MOVES and MOVES[word].column == "orbit_y" for word in words)


def _stretches(written: dict[str, Any], clock: Clock) -> list[tuple[int, int, str, Any]]:
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


def _moved(
    motions: Sequence[Motion], start: int, stop: int, value: Any, clock: Clock, size: Any
) -> Sequence[Motion]:
    """Return `motions` with one more move, which starts at frame `start` and is complete at frame `stop`."""
    given = value if isinstance(value, dict) else {"move": value}
    for name in given:
        if name not in ("move", "amount", "ease"):
            raise CurveError(
                f"{quoted(str(name))} is not an option of a move; {nearest(str(name), ['move', 'amount', 'ease'])}"
            )
    word = given.get("move")
    if word not in WORDS:
        raise CurveError(f"unknown move {quoted(str(word))}; {nearest(str(word), WORDS)}")
    if word == HOLD or stop == start:
        return motions
    if word == HANDHELD:
        return shaken(
            motions, SHAKES[HANDHELD], _window(start, stop, clock) * _amount(given, 1.0), clock, size
        )
    move = MOVES[word]
    share = np.diff(easing.find(given.get("ease", move.ease))(np.linspace(0, 1, stop - start + 1)))
    amount = _amount(given, move.amount)
    if move.column == "zoom" and not amount > 0:
        raise CurveError(f"amount {amount:g} of {word}: a zoom is a ratio above 0")
    length = {"translation_x": size.width, "translation_y": size.height}.get(move.column, 1)
    result = list(motions)
    for i, part in enumerate(share * move.sign, start=start + 1):
        old = getattr(result[i], move.column)
        new = old * amount**part if move.column == "zoom" else old + amount * length * part
        result[i] = replace(result[i], **{move.column: float(new)})
    return result


def _amount(given: dict[str, Any], usual: float) -> float:
    amount = given.get("amount", usual)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not abs(amount) < 1e4:
        raise CurveError(f"{amount!r} is not an amount; write a number")
    return float(amount)


def _window(start: int, stop: int, clock: Clock) -> Floats:
    """Return a weight per frame: 1 between `start` and `stop`, with smooth ramps of FADE seconds at both ends."""
    t = np.arange(clock.frames, dtype=np.float64)
    ramp = max(min(FADE * clock.fps, (stop - start) / 2), 1.0)
    x = np.clip(np.minimum(t - start, stop - t) / ramp, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x), np.float64)


def shaken(
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
