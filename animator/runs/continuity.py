"""Going on with a run: whether what is there of it still fits, and what is to be made between it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from animator.errors import RunError
from animator.frame import Frame, State
from animator.render.loop import Paint
from animator.render.pipeline import painted
from animator.render.shards import shots
from animator.runs.fingerprint import Lineage
from animator.scene.scene import Scene

if TYPE_CHECKING:
    from animator.runs.run import Run


def unchanged(run: Run, scene: Scene, frames: Sequence[Frame]) -> Lineage:
    """What `frames` come of, after a look whether those that are there come of the same. Raises RunError."""
    way_out = f"keep what is still right of it, and paint the rest, with: animator branch {run.folder}"
    if run.saved and run.edited():
        raise RunError(f"{run.folder}/resolved.yaml has been edited since the run began; {way_out}")
    for index in run.given:
        if index not in run.saved:
            raise RunError(
                f"{run.picture_file(index)} was taken over from another run, and is gone; branch anew"
            )
    lineage = Lineage(scene, frames, {index: run.key(index) or "" for index in run.given})
    if all(frame.index in run.saved for frame in frames):
        return lineage  # nothing is to be painted, and nobody minds where the model has gone
    before = run.head.get("files", {})
    for index, key in lineage.keys.items():
        if index in run.saved and run.key(index) not in (None, key):
            changed = [path for path, digest in lineage.files.items() if before.get(path, digest) != digest]
            what = changed[0] if changed else "what it is painted from"
            raise RunError(f"{what} has changed since frame {index} was painted; {way_out}")
    return lineage


def stretches(
    run: Run, scene: Scene, frames: Sequence[Frame], paint: Paint
) -> Iterator[list[Frame] | Iterator[tuple[Frame, State]]]:
    """A run's frames in the order of the film: those that are there already, and films of those to be made.

    What is there of a film to be made is shown again: its paintings are taken from the disk.
    """
    from animator.runs.run import Saved

    position, state = run.resume(frames)
    if position:
        yield list(frames[:position])
    known = Saved(run)
    for complete, group in groupby(
        shots(frames[position:]), lambda shot: {f.index for f in shot} <= known.keys()
    ):
        rest = [frame for shot in group for frame in shot]
        yield rest if complete else painted(scene, rest, paint, state, known)
        state = State()
