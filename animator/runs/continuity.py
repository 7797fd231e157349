"""Continue a run: check that its saved frames are still valid, and find the segments to render."""

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
    """Return the fingerprints of `frames`; raise RunError if a saved frame no longer matches its own.

    Fingerprints are not compared once every frame is saved.
    """
    way_out = f"keep the frames that are still valid, and paint the rest, with: animator branch {run.folder}"
    if run.saved and run.edited():
        raise RunError(f"{run.folder}/resolved.yaml has been edited since the run began; {way_out}")
    for index in run.given:
        if index not in run.saved:
            raise RunError(
                f"{run.picture_file(index)} was taken over from another run and is missing; branch again"
            )
    lineage = Lineage(scene, frames, {index: run.key(index) or "" for index in run.given})
    if all(frame.index in run.saved for frame in frames):
        return lineage  # nothing to paint, so it does not matter if the model is gone
    before = run.head.get("files", {})
    for index, key in lineage.keys.items():
        if index in run.saved and run.key(index) not in (None, key):
            changed = [path for path, digest in lineage.files.items() if before.get(path, digest) != digest]
            what = changed[0] if changed else "a setting or an earlier frame that it depends on"
            raise RunError(f"{what} has changed since frame {index} was painted; {way_out}")
    return lineage


def stretches(
    run: Run, scene: Scene, frames: Sequence[Frame], paint: Paint
) -> Iterator[list[Frame] | Iterator[tuple[Frame, State]]]:
    """Yield a run's frames in film order, in segments: lists of saved frames, and iterators that render the others.

    Painted frames that are saved are read from the disk where a segment has to be rendered again.
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
