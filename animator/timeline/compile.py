"""Scene → list[Frame]. Every problem of the file's curves is found here, before any model is loaded."""

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

# A film's parts ask for its frames one after the other; a scene does not change.
_KNOWN: WeakKeyDictionary[Scene, list[Frame]] = WeakKeyDictionary()


def timeline(scene: Scene) -> list[Frame]:
    """Everything decided about every frame of the film. Raises SceneError with every problem of its curves."""
    if scene not in _KNOWN:
        _KNOWN[scene] = _Compiler(scene).frames() if scene.film is None else _resized(scene, scene.film)
    return list(_KNOWN[scene])


def _resized(scene: Scene, film: Scene) -> list[Frame]:
    """The frames of `film` for `scene`, its copy of another size: curves count the pixels of `film`."""
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
    """What the scene's keys mean."""
    return _Compiler(scene).clock


def beats(scene: Scene) -> list[int]:
    """The frames on which the film's beats fall."""
    return _Compiler(scene).clock.beat_frames()


def remarks(scene: Scene) -> list[Problem]:
    """What may not be meant in a scene that has no problems."""
    frames = timeline(scene)
    found = [
        *notes(scene, _Compiler(scene).clock),
        *unheard(scene, frames),
        *sampler_notes(scene, frames),
        *compile_notes(scene, frames),
    ]
    return sorted(found, key=lambda note: (note.place.line, note.place.column))


class _Compiler(Columns):
    """Puts the frames of one scene together, column by column."""

    def frames(self) -> list[Frame]:
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
        """Raise SceneError with every problem of the columns, and of what they make together."""
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
        """Note motion that leaves nothing to paint, to mask or to lock."""
        lens, zoom = self.scene.lens, [row.zoom for row in motion]
        # What leads to the first frame of a shot moves nothing.
        seen = [Motion() if i == begun else motion[i] for i, begun in enumerate(shot)]
        self.attempt(("motion", "zoom"), lambda: stays_visible(zoom, diffuse), None)
        self.attempt(("motion",), lambda: stays_in_front(seen, diffuse, lens), None)
        if masked:
            self.attempt(("motion", "zoom"), lambda: masks_follow(zoom, shot), None)
        if masked and self.closed:
            self.attempt(("video", "loop"), lambda: comes_back(motion, lens), None)

    def starts(self) -> NDArray[np.bool_]:
        """With which frames a shot begins."""
        found = self.moments(self.scene.settings.cuts, ("cuts",))
        starts = np.zeros(self.clock.frames, np.bool_) if found is None else found
        starts[0] = True
        return starts

    def painted(self, strength: NDArray[np.float64], starts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which frames are painted: by cadence, or at the moments the file names."""
        every, moments = self.scene.settings.cadence, self.moments(self.scene.settings.paint, ("paint",))
        if moments is None and self.closed:  # what comes after the last painting is the first one
            moments = evenly(len(strength), every)
        if moments is None:
            return by_shot(partial(painted, cadence=every), starts, strength)
        return by_shot(painted_at, starts, strength, moments)

    @property
    def closed(self) -> bool:
        return bool(self.scene.settings.video.loop == "closed")

    def ahead(self, views: Iterable[int], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]) -> list[Ahead]:
        """What each painting is led to."""
        lead = self.attempt(("views_lead",), lambda: self.length(self.scene.settings.views_lead), 1)
        goals = [Goal(frame, frame, lead) for frame in views]
        if self.closed:
            last = int(np.flatnonzero(diffuse)[-1])
            goals.append(Goal(self.clock.frames, last, round(self.clock.fps)))
        return led(goals, diffuse, shot)

    def anchors(self, diffuse: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The paintings whose colours are taken for a reference anew: the first one of each shot."""
        moments = self.moments(self.scene.settings.grade.color_renew, ("grade", "color_renew"))
        return np.zeros_like(diffuse) if moments is None else first_painted(moments, diffuse)
