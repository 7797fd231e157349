"""Scene → list[Frame]. Every problem of the file's curves is found here, before any model is loaded."""

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
from animator.pose import spatial
from animator.scene.scene import Scene
from animator.timeline.ahead import Goal, led, viewed
from animator.timeline.cadence import by_shot, closed_tweens, evenly, painted, painted_at, tweens
from animator.timeline.clock import Clock
from animator.timeline.limits import (
    can_run,
    comes_back,
    masks_follow,
    one_schedule,
    stays_in_front,
    stays_visible,
)
from animator.timeline.lora_notes import unheard
from animator.timeline.loras import scales
from animator.timeline.moments import first_painted
from animator.timeline.motion import per_frame, steps, steps_in_space
from animator.timeline.moves import SHAKES, shaken, with_moves
from animator.timeline.notes import notes
from animator.timeline.reader import Reader
from animator.timeline.sampler_notes import sampler_notes
from animator.timeline.seeds import MAX_SEED, seeds
from animator.timeline.telling import told

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
    ]
    return sorted(found, key=lambda note: (note.place.line, note.place.column))


class _Compiler(Reader):
    """Puts the frames of one scene together, column by column."""

    def frames(self) -> list[Frame]:
        settings, count = self.scene.settings, self.clock.frames
        motion = self.motion()
        painting = self.section(Painting, settings.painting, "painting")
        grade = self.section(Grade, settings.grade, "grade")
        lock = self.section(Lock, settings.lock, "lock")
        footage = self.footage()
        controls = {
            name: self.section(Control, written, "control", name)
            for name, written in settings.control.items()
        }
        likeness = {
            name: self.section(Likeness, written, "ip_adapter", name)
            for name, written in settings.ip_adapter.items()
        }
        detail = self.section(Detail, settings.detail, "detail")
        upscale = self.upscale()
        unseen: dict[int, str] = {}
        views = self.attempt(("views",), lambda: viewed(settings.views, self.clock), unseen)
        painting = self.viewed(painting, views)
        strength = np.array([row.strength for row in painting])
        starts = self.starts()
        shot = np.maximum.accumulate(np.where(starts, np.arange(count), 0))
        diffuse = self.painted(strength, starts)
        diffuse[list(views)] = True
        weights = by_shot(closed_tweens if self.closed else tweens, starts, diffuse, strength == 0)
        ahead = self.ahead(views, diffuse, shot)
        seed, subseed, mixed = self.seeds(diffuse), *self.subseeds()
        (words, tagged), anchor = told(self, shot, self.closed), self.anchors(diffuse)
        loras, blocks = scales(self, tagged)
        self.attempt(("painting", "steps"), lambda: can_run(painting), None)
        self.attempt(("painting", "schedule"), lambda: one_schedule(painting), None)
        masked = any(row.mask for rows in (painting, grade, lock, footage, detail) for row in rows)
        followed = any(control.file is not None and control.follow for control in settings.control.values())
        self.limits(motion, diffuse, shot, masked or followed)
        if self.problems:
            raise SceneError(self.problems)
        return [
            Frame(
                index=i,
                seed=int(seed[i]),
                prompt=words[i],
                diffuse=bool(diffuse[i]),
                tween=float(weights[i]),
                motion=motion[i],
                painting=painting[i],
                loras={name: column[i] for name, column in loras.items()},
                lora_blocks=blocks[i],
                grade=grade[i],
                lock=lock[i],
                footage=footage[i],
                ip_adapter={name: column[i] for name, column in likeness.items()},
                detail=detail[i],
                upscale=upscale[i],
                control={name: column[i] for name, column in controls.items()},
                shot=int(shot[i]),
                ahead=ahead[i],
                subseed=int(subseed[i]),
                subseed_strength=mixed[i],
                anchor=bool(anchor[i]),
            )
            for i in range(count)
        ]

    def footage(self) -> list[Footage]:
        """How much of the footage there is in each frame; none of it where there is none."""
        written, none = self.scene.settings.footage, Footage(alpha=0.0, motion_amount=0.0)
        if written.file is None:
            return [none] * self.clock.frames
        return self.section(Footage, written, "footage")

    def upscale(self) -> list[Upscale]:
        """How each frame is painted once more in the video's size; not at all without a second pass."""
        written = self.scene.settings.output.upscale
        if written is None or written.by != "second-pass":
            return [Upscale(strength=0.0)] * self.clock.frames
        return self.section(Upscale, written, "output", "upscale")

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

    def viewed(self, painting: list[Painting], views: Container[int]) -> list[Painting]:
        """`painting` with the strength of views."""
        written = self.scene.settings.views_strength
        if written is None:
            return painting
        strength = self.numbers(written, ("views_strength",), (0.0, 1.0))
        return [replace(row, strength=strength[i]) if i in views else row for i, row in enumerate(painting)]

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

    def motion(self) -> list[Motion]:
        """How the picture moves into each frame, however it was written."""
        written = self.scene.settings.motion
        motions = self.section(Motion, written, "motion")
        position, second = getattr(written, "as") == "position", written.per == "second"
        if position and second:
            message = "positions have no rate; leave 'per: second' or 'as: position' out"
            self.problems.append(self.scene.problem(("motion", "per"), message))
        if position and not self.problems:
            motions = self.attempt(("motion",), lambda: self.steps(motions), motions)
        elif second:
            motions = per_frame(motions, self.clock.fps)
        return self.moves(motions)

    def moves(self, motions: list[Motion]) -> list[Motion]:
        """`motions`, the moves that were written as words, and the camera's shake."""
        written, size = self.scene.settings.motion, self.scene.size
        found = self.attempt(
            ("motion", "moves"), lambda: with_moves(motions, written.moves, self.clock, size), motions
        )
        if written.shake is None:
            return found
        strength = self.numbers(written.shake.strength, ("motion", "shake", "strength"), (0.0, 100.0))
        return shaken(found, SHAKES[written.shake.like], np.array(strength), self.clock, size)

    def steps(self, positions: list[Motion]) -> list[Motion]:
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
        seed = self.scene.settings.painting.seed
        if seed.at is None:
            return seeds(seed.behavior, seed.start, diffuse, seed.every)
        return np.rint(self.numbers(seed.at, ("painting", "seed", "at"), (0, MAX_SEED)))

    def subseeds(self) -> tuple[Any, list[float]]:
        """The seed of the noise that each frame's own is mixed with, and how much of it."""
        seed, path = self.scene.settings.painting.seed, ("painting", "seed")
        values = self.numbers(seed.subseed, (*path, "subseed"), (0, MAX_SEED))
        return np.rint(values), self.numbers(seed.subseed_strength, (*path, "subseed_strength"), (0.0, 1.0))
