"""Scene → list[Frame]: every value of every frame, and every problem of the curves, before loading a model."""

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
    Footage,
    Frame,
    Motion,
    Painting,
    ProductFrame,
    Upscale,
    ViewTarget,
    frame_sections,
    named_sections,
)
from animator.imaging.geometry import FOV_RANGE, is_3d
from animator.scene.fields import is_total
from animator.scene.scene import Scene
from animator.scene.settings_stages import STAGES
from animator.timeline.advice import (
    compile_advice,
    general_advice,
    missing_trigger_words,
    require_in_front,
    require_masks_follow,
    require_one_schedule,
    require_possible_steps,
    require_return,
    require_visible,
    sampler_advice,
)
from animator.timeline.cadence import (
    MAX_SEED,
    ViewGoal,
    apply_by_shot,
    closed_tween_weights,
    even_cadence,
    lead_weights,
    painted_at,
    painted_by_cadence,
    seed_column,
    tween_weights,
    view_frames,
)
from animator.timeline.clock import Clock
from animator.timeline.column_reader import Reader, first_painted_after
from animator.timeline.motion import (
    SHAKES,
    add_moves,
    add_shake,
    positions_to_steps,
    positions_to_steps_3d,
    rates_per_frame,
)
from animator.timeline.prompts import lora_columns, prompt_columns


class ColumnReader(Reader):
    """Reader of one scene's columns, each independent of the others."""

    def named_sections(self, kind: Any, name: str) -> list[dict[str, Any]]:
        """Return the values of a section with named members, such as `control`: {member: values} per frame."""
        written = getattr(self.scene.settings, name)
        columns = {member: self.section(kind, part, name, member) for member, part in written.items()}
        return self.rows_of(columns)

    def stage_columns(self) -> list[dict[str, Any]]:
        """Return the settings of the stages that plug-ins add: {stage: values} per frame."""
        written = self.scene.settings.stages or {}
        columns = {
            name: self.section(STAGES.load(name), part, "stages", name) for name, part in written.items()
        }
        return self.rows_of(columns)

    def rows_of(self, columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
        """Return columns by name as one dictionary per frame."""
        return [{name: column[i] for name, column in columns.items()} for i in range(self.clock.frames)]

    def footage_column(self) -> list[Footage]:
        """Return the footage settings of each frame; all 0 if the film has no footage."""
        written, none = self.scene.settings.footage, Footage(alpha=0.0, motion_amount=0.0)
        if written.file is None:
            return [none] * self.clock.frames
        return self.section(Footage, written, "footage")

    def product_column(self) -> list[ProductFrame | None]:
        """Return the appearance of the 3D product in each frame; None if the film has no product."""
        written = self.scene.settings.product
        if written is None:
            return [None] * self.clock.frames
        return list(self.section(ProductFrame, written, "product"))

    def upscale_column(self) -> list[Upscale]:
        """Return the settings of each frame's second pass at output size; strength 0 if the film has none."""
        written = self.scene.settings.output.upscale
        if written is None or written.by != "second-pass":
            return [Upscale(strength=0.0)] * self.clock.frames
        return self.section(Upscale, written, "output", "upscale")

    def with_views_strength(self, painting: list[Painting], views: Container[int]) -> list[Painting]:
        """Return `painting` with `views_strength` on the frames of `views`."""
        written = self.scene.settings.views_strength
        if written is None:
            return painting
        strength = self.number_column(written, ("views_strength",), (0.0, 1.0))
        return [replace(row, strength=strength[i]) if i in views else row for i, row in enumerate(painting)]

    def motion_column(self) -> list[Motion]:
        """Return the motion into each frame, from rates per frame or second, positions, moves and shake."""
        written = self.scene.settings.motion
        motions = self.with_fov(self.section(Motion, written, "motion"))
        position, second = getattr(written, "as") == "position", written.per == "second"
        totals = [name for name, value in written.given().items() if is_total(value)]
        if position:
            message = "a position has no total; write keyframes, e.g. {0: 0, end: 360}"
            self.problems += [self.scene.problem(("motion", name), message) for name in totals]
        if position and second:
            message = "positions have no rate; remove 'per: second' or 'as: position'"
            self.problems.append(self.scene.problem(("motion", "per"), message))
        if position and not self.problems:
            motions = self.collect(("motion",), lambda: self.position_steps(motions), motions)
        elif second:
            motions = rates_per_frame(motions, self.clock.fps, totals)
        return self.with_moves_and_shake(motions)

    def with_fov(self, motions: list[Motion]) -> list[Motion]:
        """Return `motions` with the field of view at both ends of each, if it is a curve."""
        if self.scene.constant_fov is not None:
            return motions
        fov = self.number_column(self.scene.settings.motion.fov, ("motion", "fov"), FOV_RANGE)
        before = [fov[-1] if self.clock.closed else fov[0], *fov[:-1]]
        return [
            replace(motion, fov=at, fov_before=then)
            for motion, at, then in zip(motions, fov, before, strict=True)
        ]

    def with_moves_and_shake(self, motions: list[Motion]) -> list[Motion]:
        """Return `motions` with the named moves and the camera's shake added."""
        written, size = self.scene.settings.motion, self.scene.size
        found = self.collect(
            ("motion", "moves"), lambda: add_moves(motions, written.moves, self.clock, size), motions
        )
        if written.shake is None:
            return found
        strength = self.number_column(written.shake.strength, ("motion", "shake", "strength"), (0.0, 100.0))
        return add_shake(found, SHAKES[written.shake.like], np.array(strength), self.clock, size)

    def position_steps(self, positions: list[Motion]) -> list[Motion]:
        """Return the motions between positions. Raises CurveError where the zoom of a step is out of range."""
        if any(map(is_3d, positions)):
            motions = positions_to_steps_3d(positions, self.scene.lens)
        else:
            motions = positions_to_steps(positions, *self.scene.size)
        low, high = next((f.metadata["low"], f.metadata["high"]) for f in fields(Motion) if f.name == "zoom")
        for frame, motion in enumerate(motions):
            if not low <= motion.zoom <= high:
                raise CurveError(
                    f"zoom changes by {motion.zoom:g} into frame {frame}; allowed {low:g}..{high:g}"
                )
        return motions

    def seed_column(self, diffuse: Any) -> Any:
        """Return the seed of each frame, by the schedule `painting.seed.at` or by the seed's behavior."""
        seed = self.scene.settings.painting.seed
        if seed.at is None:
            return seed_column(seed.behavior, seed.start, diffuse, seed.every)
        return np.rint(self.number_column(seed.at, ("painting", "seed", "at"), (0, MAX_SEED)))

    def subseed_columns(self) -> tuple[Any, list[float]]:
        """Return the seed of the second noise of each frame, and the share 0..1 of it in the mix."""
        seed, path = self.scene.settings.painting.seed, ("painting", "seed")
        values = self.number_column(seed.subseed, (*path, "subseed"), (0, MAX_SEED))
        return np.rint(values), self.number_column(
            seed.subseed_strength, (*path, "subseed_strength"), (0.0, 1.0)
        )


# Several parts of a render ask for the same frames; a scene never changes.
_CACHE: WeakKeyDictionary[Scene, list[Frame]] = WeakKeyDictionary()


def timeline(scene: Scene) -> list[Frame]:
    """Return the frames of the film with all their values. Raises SceneError with every problem of its curves."""
    if scene not in _CACHE:
        _CACHE[scene] = (
            Compiler(scene).frames() if scene.original is None else _scale_frames(scene, scene.original)
        )
    return list(_CACHE[scene])


def _scale_frames(scene: Scene, film: Scene) -> list[Frame]:
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


def scene_clock(scene: Scene) -> Clock:
    """Return the clock of `scene`: its length, tempo and events."""
    return Reader(scene).clock


def scene_beat_frames(scene: Scene) -> list[int]:
    """Return the frames on which beats fall; an empty list without beats."""
    return scene_clock(scene).beat_frames()


def scene_advice(scene: Scene) -> list[Problem]:
    """Return advice on settings that are valid but probably unintended, ordered by place.

    The scene must have no problems.
    """
    frames = timeline(scene)
    found = [
        *general_advice(scene, scene_clock(scene)),
        *missing_trigger_words(scene, frames),
        *sampler_advice(scene, frames),
        *compile_advice(scene, frames),
    ]
    return sorted(found, key=lambda note: (note.place.line, note.place.column))


class Compiler(ColumnReader):
    """Builder of one scene's frames, column by column."""

    def frames(self) -> list[Frame]:
        """Return the frames. Raises SceneError with every problem found on the way."""
        settings, count = self.scene.settings, self.clock.frames
        rows = self.section_columns()
        unseen: dict[int, str] = {}
        views = self.collect(("views",), lambda: view_frames(settings.views, self.clock), unseen)
        rows["painting"] = self.with_views_strength(rows["painting"], views)
        starts = self.shot_starts()
        shot = np.maximum.accumulate(np.where(starts, np.arange(count), 0))
        strength = np.array([row.strength for row in rows["painting"]])
        diffuse = self.painted_flags(strength, starts)
        diffuse[list(views)] = True
        rows["shot"], rows["diffuse"] = shot.tolist(), diffuse.tolist()
        weights = apply_by_shot(
            closed_tween_weights if self.is_closed else tween_weights, starts, diffuse, strength == 0
        )
        rows["tween"] = np.asarray(weights, float).tolist()
        rows["ahead"] = self.view_targets(views, diffuse, shot)
        rows["seed"] = np.asarray(self.seed_column(diffuse), int).tolist()
        subseed, rows["subseed_strength"] = self.subseed_columns()
        rows["subseed"] = np.asarray(subseed, int).tolist()
        rows["prompt"], tagged = prompt_columns(self, shot, self.is_closed)
        rows["anchor"] = self.color_anchors(diffuse).tolist()
        rows["loras"], rows["lora_blocks"] = lora_columns(self, tagged)
        self.check_columns(rows, diffuse, shot)
        return [
            settings.frame_type(index=i, **{name: column[i] for name, column in rows.items()})
            for i in range(count)
        ]

    def section_columns(self) -> dict[str, list[Any]]:
        """Return the columns of all sections, by the fields of the film's frames."""
        settings = self.scene.settings
        rows: dict[str, list[Any]] = {
            "motion": self.motion_column(),
            "footage": self.footage_column(),
            "upscale": self.upscale_column(),
            "stages": self.stage_columns(),
            "product": self.product_column(),
        }
        for name, kind in frame_sections(settings.frame_type).items():
            if name not in rows:
                rows[name] = self.section(kind, getattr(settings, name), name)
        for name, kind in named_sections(settings.frame_type).items():
            rows[name] = self.named_sections(kind, name)
        return rows

    def check_columns(
        self, rows: dict[str, list[Any]], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]
    ) -> None:
        """Check the columns against one another. Raises SceneError with all problems collected so far."""
        painting, controls = rows["painting"], self.scene.settings.control.values()
        self.collect(("painting", "steps"), lambda: require_possible_steps(painting), None)
        self.collect(("painting", "schedule"), lambda: require_one_schedule(painting), None)
        masked = any(getattr(row, "mask", "") for column in rows.values() for row in column)
        followed = any(control.file is not None and control.follow for control in controls)
        self.check_motion(rows["motion"], diffuse, shot, masked or followed)
        if self.problems:
            raise SceneError(self.problems)

    def check_motion(
        self, motion: list[Motion], diffuse: NDArray[np.bool_], shot: NDArray[np.int64], masked: bool
    ) -> None:
        """Record motion after which nothing is left to paint, to mask or to lock."""
        lens, zoom = self.scene.lens, [row.zoom for row in motion]
        # The motion into the first frame of a shot is not applied.
        fov = [row.fov for row in motion]
        seen = [
            Motion(fov=fov[i], fov_before=fov[i]) if i == begun else motion[i] for i, begun in enumerate(shot)
        ]
        self.collect(("motion", "zoom"), lambda: require_visible(zoom, diffuse), None)
        self.collect(("motion",), lambda: require_in_front(seen, diffuse, lens), None)
        if masked:
            self.collect(("motion", "zoom"), lambda: require_masks_follow(zoom, shot), None)
        if masked and self.is_closed:
            self.collect(("video", "loop"), lambda: require_return(motion, lens), None)

    def shot_starts(self) -> NDArray[np.bool_]:
        """Mark the first frame of every shot."""
        found = self.flag_column(self.scene.settings.cuts, ("cuts",))
        starts = np.zeros(self.clock.frames, np.bool_) if found is None else found
        starts[0] = True
        return starts

    def painted_flags(self, strength: NDArray[np.float64], starts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the painted frames: by cadence, or at the times of `paint`."""
        if self.scene.settings.product is not None:  # each frame is made anew, exactly as the camera sees it
            return np.ones(len(strength), np.bool_)
        every, moments = self.scene.settings.cadence, self.flag_column(self.scene.settings.paint, ("paint",))
        if moments is None and self.is_closed:  # the last painted frame is followed by the first one
            moments = even_cadence(len(strength), every)
        if moments is None:
            return apply_by_shot(partial(painted_by_cadence, cadence=every), starts, strength)
        return apply_by_shot(painted_at, starts, strength, moments)

    @property
    def is_closed(self) -> bool:
        """True if the film is a closed loop."""
        return bool(self.scene.settings.video.loop == "closed")

    def view_targets(
        self, views: Iterable[int], diffuse: NDArray[np.bool_], shot: NDArray[np.int64]
    ) -> list[ViewTarget]:
        """Return the image that each painting is guided towards, and its weight."""
        lead = self.collect(("views_lead",), lambda: self.duration_frames(self.scene.settings.views_lead), 1)
        goals = [ViewGoal(frame, frame, lead) for frame in views]
        if self.is_closed:
            last = int(np.flatnonzero(diffuse)[-1])
            goals.append(ViewGoal(self.clock.frames, last, round(self.clock.fps)))
        return lead_weights(goals, diffuse, shot)

    def color_anchors(self, diffuse: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark the painted frames that become the colour reference: the first one at or after each `color_renew`."""
        moments = self.flag_column(self.scene.settings.grade.color_renew, ("grade", "color_renew"))
        return np.zeros_like(diffuse) if moments is None else first_painted_after(moments, diffuse)
