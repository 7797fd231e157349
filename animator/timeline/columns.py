"""Columns of the frame table: sections of curves, motion written as rates, positions or moves, and seeds."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields, replace
from typing import Any

import numpy as np

from animator.errors import CurveError
from animator.frame import Footage, Motion, Painting, Upscale
from animator.imaging.geometry import spatial
from animator.timeline.motion import per_frame, steps, steps_in_space
from animator.timeline.moves import SHAKES, shaken, with_moves
from animator.timeline.reader import Reader
from animator.timeline.seeds import MAX_SEED, seeds


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
