"""Scene → list[Frame].

Columns of the frame table: sections of curves, motion written as rates, positions or moves, and seeds.

Scene → list[Frame]. Finds every problem of the schedule's curves before any model is loaded.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import fields, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from animator.errors import CurveError, Problem, SceneError
from animator.frame import (
    Ahead,
    Control,
    Detail,
    Footage,
    Frame,
    Grade,
    Likeness,
    Lock,
    Motion,
    Painting,
    Upscale,
)
from animator.imaging.geometry import spatial
from animator.scene.scene import Scene
from animator.timeline.advice import (
    can_run,
    comes_back,
    compile_notes,
    masks_follow,
    notes,
    one_schedule,
    sampler_notes,
    stays_in_front,
    stays_visible,
    unheard,
)
from animator.timeline.cadence import (
    MAX_SEED,
    Goal,
    by_shot,
    closed_tweens,
    evenly,
    led,
    painted,
    painted_at,
    seeds,
    tweens,
    viewed,
)
from animator.timeline.clock import Clock
from animator.timeline.motion import SHAKES, per_frame, shaken, steps, steps_in_space, with_moves
from animator.timeline.prompts import scales, told
from animator.timeline.reader import Reader, first_painted


class Columns(Reader):
    """Reader of one scene's columns, each independent of the others."""

    def named(self, kind: Any, name: str) -> list[dict[str, Any]]:
        """Return the values of a section with named members, such as `control`: {member: values} per frame."""
        written = getattr(self.scene.settings, name)
        columns = {member: self.section(kind, part, name, member) for member, part in written.items()}
        return [{member: column[i] for member, column in columns.items()} for i in range(self.clock.frames)]

    def footage(self) -> list[Footage]:
        """Return the footage settings of each frame; all 0 if the film has no footage."""
        written, none = self.scene.settings.footage, Footage(alpha=0.0, motion_amount=0.0)
        if written.file is None:
            return [none] * self.clock.frames
        return self.section(Footage, written, "footage")

    def upscale(self) -> list[Upscale]:
        """Return the settings of each frame's second pass at output size; strength 0 if the film has none."""
        written = self.scene.settings.output.upscale
        if written is None or written.by != "second-pass":
            return [Upscale(strength=0.0)] * self.clock.frames
        return self.section(Upscale, written, "output", "upscale")

    def viewed(self, painting: list[Painting], views: Container[int]) -> list[Painting]:
        """Return `painting` with `views_strength` on the frames of `views`."""
        written = self.scene.settings.views_strength
        if written is None:
            return painting
        strength = self.numbers(written, ("views_strength",), (0.0, 1.0))
        return [replace(row, strength=strength[i]) if i in views else row for i, row in enumerate(painting)]

    def motion(self) -> list[Motion]:
        """Return the motion into each frame, from rates per frame or second, positions, moves and shake."""
        written = self.scene.settings.motion
        motions = self.section(Motion, written, "motion")
        position, second = getattr(written, "as") == "position", written.per == "second"
        if position and second:
            message = "positions have no rate; remove 'per: second' or 'as: position'"
            self.problems.append(self.scene.problem(("motion", "per"), message))
        if position and not self.problems:
            motions = self.attempt(("motion",), lambda: self.steps(motions), motions)
        elif second:
            motions = per_frame(motions, self.clock.fps)
        return self.moves(motions)

    def moves(self, motions: list[Motion]) -> list[Motion]:
        """Return `motions` with the named moves and the camera's shake added."""
        written, size = self.scene.settings.motion, self.scene.size
        found = self.attempt(
            ("motion", "moves"), lambda: with_moves(motions, written.moves, self.clock, size), motions
        )
        if written.shake is None:
            return found
        strength = self.numbers(written.shake.strength, ("motion", "shake", "strength"), (0.0, 100.0))
        return shaken(found, SHAKES[written.shake.like], np.array(strength), self.clock, size)

    def steps(self, positions: list[Motion]) -> list[Motion]:
        """Return the motions between positions. Raises CurveError where the zoom of a step is out of range."""
        if any(map(spatial, positions)):
            motions = steps_in_space(positions, self.scene.lens)
        else:
            motions = steps(positions, *self.scene.size)
        low, high = next((f.metadata["low"], f.metadata["high"]) for f in fields(Motion) if f.name == "zoom")
        for frame, motion in enumerate(motions):
            if not low <= motion.zoom <= high:
                raise CurveError(
                    f"zoom changes by {motion.zoom:g} into frame {frame}; allowed {low:g}..{high:g}"
                )
        return motions

    def seeds(self, diffuse: Any) -> Any:
        """Return the seed of each frame, by the schedule `painting.seed.at` or by the seed's behavior."""
        seed = self.scene.settings.painting.seed
        if seed.at is None:
            return seeds(seed.behavior, seed.start, diffuse, seed.every)
        return np.rint(self.numbers(seed.at, ("painting", "seed", "at"), (0, MAX_SEED)))

    def subseeds(self) -> tuple[Any, list[float]]:
        """Return the seed of the second noise of each frame, and the share 0..1 of it in the mix."""
        seed, path = self.scene.settings.painting.seed, ("painting", "seed")
        values = self.numbers(seed.subseed, (*path, "subseed"), (0, MAX_SEED))
        return np.rint(values), self.numbers(seed.subseed_strength, (*path, "subseed_strength"), (0.0, 1.0))


SECTIONS = {"painting": Painting, "grade": Grade, "lock": Lock, "detail": Detail}

MEMBERS = {"control": Control, "ip_adapter": Likeness}

MASKED = ("painting", "grade", "lock", "footage", "detail")


# Several parts of a render ask for the same frames; a scene never changes.
_KNOWN: WeakKeyDictionary[Scene, list[Frame]] = WeakKeyDictionary()


def timeline(scene: Scene) -> list[Frame]:
    """Return the frames of the film with all their values. Raises SceneError with every problem of its curves."""
    if scene not in _KNOWN:
        _KNOWN[scene] = _Compiler(scene).frames() if scene.film is None else _resized(scene, scene.film)
    return list(_KNOWN[scene])


def _resized(scene: Scene, film: Scene) -> list[Frame]:
    """Return the frames of `film` scaled to `scene`, its copy of another size: curves are in pixels of `film`."""
    (wide, high), across = film.size, scene.size.width / film.size.width
    down = scene.size.height / high

    def resized(frame: Frame) -> Frame:
        motion, feather = frame.motion, frame.lock.feather
        return replace(
            frame,
            motion=replace(
                motion,
                translation_x=motion.translation_x * across,
                translation_y=motion.translation_y * down,
                translation_z=motion.translation_z * across,
            ),
            lock=replace(frame.lock, feather=feather / wide if feather >= 1 else feather),
        )

    return [resized(frame) for frame in timeline(film)]


def clock(scene: Scene) -> Clock:
    """Return the clock of `scene`: its length, tempo and events."""
    return _Compiler(scene).clock


def beats(scene: Scene) -> list[int]:
    """Return the frames on which beats fall; an empty list without beats."""
    return _Compiler(scene).clock.beat_frames()


def remarks(scene: Scene) -> list[Problem]:
    """Return advice on settings that are valid but probably unintended, ordered by place.

    The scene must have no problems.
    """
    frames = timeline(scene)
    found = [
        *notes(scene, _Compiler(scene).clock),
        *unheard(scene, frames),
        *sampler_notes(scene, frames),
        *compile_notes(scene, frames),
    ]
    return sorted(found, key=lambda note: (note.place.line, note.place.column))


class _Compiler(Columns):
    """Builder of one scene's frames, column by column."""

    def frames(self) -> list[Frame]:
        """Return the frames. Raises SceneError with every problem found on the way."""
        settings, count = self.scene.settings, self.clock.frames
        rows: dict[str, list[Any]] = {
            "motion": self.motion(),
            "footage": self.footage(),
            "upscale": self.upscale(),
        }
        rows |= {name: self.section(kind, getattr(settings, name), name) for name, kind in SECTIONS.items()}
        rows |= {name: self.named(kind, name) for name, kind in MEMBERS.items()}
        unseen: dict[int, str] = {}
        views = self.attempt(("views",), lambda: viewed(settings.views, self.clock), unseen)
        rows["painting"] = self.viewed(rows["painting"], views)
        starts = self.starts()
        shot = np.maximum.accumulate(np.where(starts, np.arange(count), 0))
        strength = np.array([row.strength for row in rows["painting"]])
        diffuse = self.painted(strength, starts)
        diffuse[list(views)] = True
        rows["shot"], rows["diffuse"] = shot.tolist(), diffuse.tolist()
        weights = by_shot(closed_tweens if self.closed else tweens, starts, diffuse, strength == 0)
        rows["tween"] = np.asarray(weights, float).tolist()
        rows["ahead"] = self.ahead(views, diffuse, shot)
        rows["seed"] = np.asarray(self.seeds(diffuse), int).tolist()
        subseed, rows["subseed_strength"] = self.subseeds()
        rows["subseed"] = np.asarray(subseed, int).tolist()
        rows["prompt"], tagged = told(self, shot, self.closed)
        rows["anchor"] = self.anchors(diffuse).tolist()
        rows["loras"], rows["lora_blocks"] = scales(self, tagged)
        self.check(rows, diffuse, shot)
        return [Frame(index=i, **{name: column[i] for name, column in rows.items()}) for i in range(count)]

    def check(self, rows: dict[str, list[Any]], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]) -> None:
        """Check the columns against one another. Raises SceneError with all problems collected so far."""
        painting, controls = rows["painting"], self.scene.settings.control.values()
        self.attempt(("painting", "steps"), lambda: can_run(painting), None)
        self.attempt(("painting", "schedule"), lambda: one_schedule(painting), None)
        masked = any(row.mask for name in MASKED for row in rows[name])
        followed = any(control.file is not None and control.follow for control in controls)
        self.limits(rows["motion"], diffuse, shot, masked or followed)
        if self.problems:
            raise SceneError(self.problems)

    def limits(
        self, motion: list[Motion], diffuse: NDArray[np.bool_], shot: NDArray[np.int64], masked: bool
    ) -> None:
        """Record motion after which nothing is left to paint, to mask or to lock."""
        lens, zoom = self.scene.lens, [row.zoom for row in motion]
        # The motion into the first frame of a shot is not applied.
        seen = [Motion() if i == begun else motion[i] for i, begun in enumerate(shot)]
        self.attempt(("motion", "zoom"), lambda: stays_visible(zoom, diffuse), None)
        self.attempt(("motion",), lambda: stays_in_front(seen, diffuse, lens), None)
        if masked:
            self.attempt(("motion", "zoom"), lambda: masks_follow(zoom, shot), None)
        if masked and self.closed:
            self.attempt(("video", "loop"), lambda: comes_back(motion, lens), None)

    def starts(self) -> NDArray[np.bool_]:
        """Mark the first frame of every shot."""
        found = self.moments(self.scene.settings.cuts, ("cuts",))
        starts = np.zeros(self.clock.frames, np.bool_) if found is None else found
        starts[0] = True
        return starts

    def painted(self, strength: NDArray[np.float64], starts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the painted frames: by cadence, or at the times of `paint`."""
        every, moments = self.scene.settings.cadence, self.moments(self.scene.settings.paint, ("paint",))
        if moments is None and self.closed:  # the last painted frame is followed by the first one
            moments = evenly(len(strength), every)
        if moments is None:
            return by_shot(partial(painted, cadence=every), starts, strength)
        return by_shot(painted_at, starts, strength, moments)

    @property
    def closed(self) -> bool:
        """True if the film is a closed loop."""
        return bool(self.scene.settings.video.loop == "closed")

    def ahead(self, views: Iterable[int], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]) -> list[Ahead]:
        """Return the image that each painting is guided towards, and its weight."""
        lead = self.attempt(("views_lead",), lambda: self.length(self.scene.settings.views_lead), 1)
        goals = [Goal(frame, frame, lead) for frame in views]
        if self.closed:
            last = int(np.flatnonzero(diffuse)[-1])
            goals.append(Goal(self.clock.frames, last, round(self.clock.fps)))
        return led(goals, diffuse, shot)

    def anchors(self, diffuse: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the painted frames that become the colour reference: the first one at or after each `color_renew`."""
        moments = self.moments(self.scene.settings.grade.color_renew, ("grade", "color_renew"))
        return np.zeros_like(diffuse) if moments is None else first_painted(moments, diffuse)
