"""Scene → list[Frame]. Finds every problem of the schedule's curves before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from animator.errors import Problem, SceneError
from animator.frame import Ahead, Control, Detail, Frame, Grade, Likeness, Lock, Motion, Painting
from animator.scene.scene import Scene
from animator.timeline.advice import (
    can_run,
    comes_back,
    masks_follow,
    one_schedule,
    stays_in_front,
    stays_visible,
)
from animator.timeline.ahead import Goal, led, viewed
from animator.timeline.cadence import by_shot, closed_tweens, evenly, painted, painted_at, tweens
from animator.timeline.clock import Clock
from animator.timeline.columns import Columns
from animator.timeline.lora_notes import unheard
from animator.timeline.loras import scales
from animator.timeline.moments import first_painted
from animator.timeline.notes import notes
from animator.timeline.sampler_notes import sampler_notes
from animator.timeline.scalings import compile_notes
from animator.timeline.telling import told

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
