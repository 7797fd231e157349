"""A run from its first frame to its video: paint what is missing, record it as it comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator import upscaling
from animator.audio.track import Sound
from animator.errors import RunError
from animator.frame import Frame
from animator.grading import facts
from animator.output import infotext
from animator.render.loop import Paint
from animator.render.shards import begins
from animator.scene.resolved import resolved
from animator.scene.scene import Scene
from animator.studio import animate, load, painter, preview
from animator.timeline.cadence import cut
from animator.timeline.compile import timeline
from animator.timeline.hearing import sound

if TYPE_CHECKING:
    from animator.output.run import Run
    from animator.output.video import Format


def rows(scene: Scene, frames: Sequence[Frame]) -> list[dict[str, Any]]:
    """The frame table: everything decided about each frame, and the steps that really run."""
    given = scene.settings.start.image is not None
    # A shot that begins with a view is led to it with all its weight.
    return [
        infotext.row(
            frame, not given and begins(frame) and frame.ahead.weight < 1 and not frame.footage.alpha
        )
        for frame in frames
    ]


def part(scene: Scene, span: tuple[int, int] | None) -> list[Frame]:
    """The scene's timeline, or its frames first..stop-1 as a film of their own. Raises SceneError, RunError."""
    frames = timeline(scene)
    if span is None:
        return frames
    if not 0 <= span[0] < span[1] <= len(frames):
        raise RunError(f"--frames {span[0]}:{span[1]}: the film's frames are 0:{len(frames)}")
    return cut(frames, *span)


def start_run(scene: Scene, file: Path, folder: Path, span: tuple[int, int] | None = None) -> Run:
    """A new run's folder for the schedule file `file`. Raises RunError."""
    from animator.output.run import Run, table

    frames = part(scene, span)
    files: dict[str, str | bytes] = {
        "settings.yaml": file.read_bytes(),
        "resolved.yaml": resolved(scene),
        "frames.csv": table(rows(scene, frames)),
    }
    return Run.create(folder, frames[0].index, frames[-1].index + 1, files)


def reopen_run(folder: Path) -> tuple[Run, Scene]:
    """The run in `folder` and the scene it renders. Raises RunError, SceneError."""
    from animator.output.run import Run

    return Run.open(folder), load(folder / "resolved.yaml")


def shoot(run: Run, scene: Scene, paint: Callable[[Scene], Paint] = painter) -> Iterator[Frame]:
    """Paint and record what `run` still lacks, and make its video; yield each frame once it is on its way to disk.

    The model is loaded only if a frame is missing, and a film that is complete is left alone. Close the
    generator to stop early; nothing painted is lost.
    """
    from animator.output.recorder import Recorder
    from animator.output.video import rehearse

    frames = part(scene, (run.first, run.stop))
    position, state = run.resume(frames)
    if position == len(frames) and run.video.exists():
        return
    video = _format(scene, frames)
    rehearse(video, run.folder)
    larger = upscaling.Larger(scene, run)
    small, lacking = larger.lacking(frames[:position]), position < len(frames)
    work = paint(scene) if lacking or (small and upscaling.paints(scene)) else None
    larger.complete(run, small, work)
    ready = [frame.index for frame in frames[:position]]
    measure = facts(scene)
    again = [frame.index for frame in back(scene, frames)]
    between = upscaling.between(scene, frames)
    texts, kept = _Texts(scene, frames), larger.kept
    with Recorder(run, video, resolved(scene), ready, texts, again, between, kept) as recorder:
        for frame, after in animate(scene, frames[position:], work, state) if lacking else ():
            assert after.shown is not None
            large = larger(frame, after.shown, work)
            recorder.save(frame, after.shown, after.span, partial(measure, frame, after), large)
            yield frame


def _format(scene: Scene, frames: Sequence[Frame]) -> Format:
    """What the video of `frames` is."""
    from animator.output.video import Format

    fps = scene.settings.video.fps * scene.settings.output.interpolate
    return Format(*upscaling.size(scene), fps, sound=heard(scene, frames), **quality(scene))


def record_preview(scene: Scene, target: Path) -> Iterator[Frame]:
    """Write the preview to the video `target`; yield each frame once it is written. Raises AnimatorError."""
    from animator.output.video import Format, Video

    film = preview(scene)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{target.parent} cannot be made: {error.strerror}") from error
    if target.is_dir():
        raise RunError(f"{target} is a folder; name a file, e.g. {target / 'preview.mp4'}")
    video = Format(*scene.size, scene.settings.video.fps, sound=sound(scene))
    with Video(target, video) as sink:
        for frame, state in film:
            assert state.shown is not None
            sink.write(state.shown)
            yield frame


def quality(scene: Scene) -> dict[str, Any]:
    """Codec, quality and its number of the film's own video."""
    output = scene.settings.output
    return {"codec": output.codec, "quality": output.quality, "crf": output.crf}


def heard(scene: Scene, frames: Sequence[Frame]) -> Sound | None:
    """The sound of these frames of the film."""
    track, fps = sound(scene), scene.settings.video.fps
    if track is None:
        return None
    shown = len(frames) + len(back(scene, frames))
    return replace(track, start=track.start + frames[0].index / fps, seconds=shown / fps)


def back(scene: Scene, frames: Sequence[Frame]) -> Sequence[Frame]:
    """The frames by which a boomerang goes back, to where its first frame comes next; else none."""
    return frames[-2:0:-1] if scene.settings.video.loop == "boomerang" else ()


class _Texts:
    """What is stored in each frame's PNG."""

    def __init__(self, scene: Scene, frames: Sequence[Frame]) -> None:
        self.scene, self.first, self.rows = scene, frames[0].index, rows(scene, frames)
        self.film = resolved(scene)

    def __call__(self, frame: Frame) -> dict[str, str]:
        model = Path(self.scene.settings.model.base).name
        row = json.dumps(self.rows[frame.index - self.first], ensure_ascii=False)
        text = infotext.infotext(frame, *self.scene.size, model)
        return {"parameters": text, infotext.RECIPE: row, infotext.FILM: self.film}
