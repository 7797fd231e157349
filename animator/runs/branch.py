"""Branch a run: take over every frame that does not change, and leave the rest to be painted."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from animator.errors import CurveError, RunError
from animator.frame import Frame
from animator.render.loop import starts_shot
from animator.runs.render import frame_range, start_run
from animator.runs.repaint import FrameFingerprints
from animator.runs.store import KeyPaintings
from animator.scene.scene import Scene
from animator.timeline.compile import scene_clock
from animator.timeline.load import load

if TYPE_CHECKING:
    from animator.runs.run import Run


def branch_run(
    folder: Path,
    file: Path | None,
    settings: Sequence[str],
    keep_before: str | None = None,
    target: Path | None = None,
) -> tuple[Run, Scene, str]:
    """Start a run with the frames of the run in `folder` that stay the same; return it, its scene, and a summary.

    The scene is the run's own, or that of the schedule `file`, with `settings` as overrides. `keep_before`: a time
    before which every frame is kept, whatever the settings are. `target`: the new folder. Raises RunError,
    SceneError.
    """
    from animator.runs.run import GIVEN_FIELD, Run

    old = Run.open(folder)
    scene = load(file or folder / "resolved.yaml", settings)
    span = None if (old.first, old.stop) == (0, old.header.get("frames", old.stop)) else (old.first, old.stop)
    frames = frame_range(scene, span)
    _require_comparable(old, scene)
    asked = old.taken_over.stop if keep_before is None else _frame_at(old, scene, keep_before)
    given = range(old.first, _last_join(old, frames, asked))
    now = FrameFingerprints(scene, frames, {index: old.fingerprint(index) or "" for index in given}).keys
    there = [frame.index for frame in frames if frame.index in old.saved]
    kept = [index for index in there if index in given or old.fingerprint(index) == now[index]]
    more = {GIVEN_FIELD: given.stop} if given else {}
    run = start_run(scene, file or folder / "settings.yaml", target or _unused_folder(folder), span, more)
    with run.locked():
        run.link_from(old, kept)
        KeyPaintings(run.folder).update(KeyPaintings(old.folder))
    return run, scene, _branch_summary(frames, set(kept), range(given.stop, asked))


def _require_comparable(old: Run, scene: Scene) -> None:
    """Check that size and frame rate match, without which no frame could be kept. Raises RunError."""
    was = (old.header["size"], old.header["fps"]) if {"size", "fps"} <= old.header.keys() else None
    now = ([scene.size.width, scene.size.height], scene.settings.video.fps)
    if was is not None and was != now:
        formats = [f"{size[0]}x{size[1]} at {fps:g} frames per second" for size, fps in (was, now)]
        raise RunError(
            f"{old.folder} is {formats[0]}, the branch would be {formats[1]}: render it as a film of its own"
        )


def _frame_at(old: Run, scene: Scene, at: str) -> int:
    """Return the frame that `at` names. Raises RunError where `old` lacks a frame before it."""
    try:
        stop = scene_clock(scene).frame(at)
    except CurveError as error:
        raise RunError(f"--from {error}") from error
    if not old.first <= stop <= old.stop:
        raise RunError(f"--from {at} is frame {stop}: the run's frames are {old.first}..{old.stop - 1}")
    missing = next((index for index in range(old.first, stop) if index not in old.saved), None)
    if missing is not None:
        way_out = f"complete it with: animator resume {old.folder}"
        raise RunError(f"--from {at}: {old.folder} lacks frame {missing}; {way_out}")
    return stop


def _last_join(old: Run, frames: Sequence[Frame], stop: int) -> int:
    """Return the last frame up to `stop` at which another film can continue.

    It is one where a shot begins, or one after a frame that both films paint. An in-between shows the painted
    frames on both sides: kept without the second one, it would fade into an image that never comes.
    """
    painted = _painted_frames(old)
    by_index = {frame.index: frame for frame in frames}
    for end in range(min(stop, frames[-1].index + 1), old.first, -1):
        last, following = by_index[end - 1], by_index.get(end)
        if (following and starts_shot(following)) or (last.diffuse and last.index in painted):
            return end
    return old.first


def _painted_frames(old: Run) -> set[int]:
    """Return the painted frames of a run, by the frame table that it began with. Raises RunError."""
    file = old.folder / "frames.csv"
    try:
        with file.open(encoding="utf8", newline="") as stream:
            return {int(row["index"]) for row in csv.DictReader(stream) if row["diffuse"] == "True"}
    except (OSError, KeyError, ValueError) as error:
        raise RunError(f"{file}: cannot be read as a run's frame table") from error


def _unused_folder(folder: Path) -> Path:
    """Return the first of NAME-b1, NAME-b2 … beside a run's folder that does not exist yet."""
    folder = folder.resolve() if not folder.name else folder
    stem = re.sub(r"-b\d+$", "", folder.name)
    number = 1
    while (found := folder.with_name(f"{stem}-b{number}")).exists():
        number += 1
    return found


def _branch_summary(frames: Sequence[Frame], kept: set[int], lost: range) -> str:
    """Return a summary of the frames kept, painted and in-between; `lost`: those asked for that cannot be kept."""
    rest = [frame for frame in frames if frame.index not in kept]
    painted = sum(frame.diffuse for frame in rest)
    summary = f"{len(frames) - len(rest)} of {len(frames)} frames {_are(len(frames) - len(rest))} kept"
    if not rest:
        return f"{summary}: nothing is painted"
    tweens = len(rest) - painted
    between = (
        f", {tweens} {_are(tweens)} {'an in-between' if tweens == 1 else 'in-betweens'}" if tweens else ""
    )
    summary = (
        f"{summary}, {painted} {_are(painted)} painted{between}; the first change is in frame {rest[0].index}"
    )
    if not set(lost) - kept:
        return summary
    between = "between two painted frames of which one changes"
    if len(lost) == 1:
        return f"{summary}\nframe {lost[0]} is rendered again: it lies {between}"
    return f"{summary}\nframes {lost[0]}..{lost[-1]} are rendered again: they lie {between}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
