"""Render a run from its first frame to its video, or continue it: paint the missing frames and record them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.errors import RunError
from animator.frame import Frame, Image, State
from animator.models.painter import FunctionPainter, Painter
from animator.render import upscale
from animator.render.grading import color_metrics
from animator.render.loop import shots
from animator.render.pipeline import iterate_film, load_painter
from animator.render.upscale import output_size, uses_second_pass
from animator.runs import metadata
from animator.runs.events import Encoded, EventSink, FrameDone, Loaded, Loading, Started, Warned, ignore
from animator.runs.metadata import frame_table
from animator.runs.recorder import LargerFrames
from animator.runs.repaint import FrameFingerprints
from animator.runs.store import KeyPaintings
from animator.scene.resolve import to_yaml
from animator.scene.scene import Scene
from animator.timeline.audio import AudioClip, scene_audio
from animator.timeline.cadence import slice_film
from animator.timeline.compile import scene_advice, timeline
from animator.timeline.load import load

if TYPE_CHECKING:
    from animator.runs.run import Run
    from animator.runs.video import VideoFormat


def frame_range(scene: Scene, span: tuple[int, int] | None) -> list[Frame]:
    """Return the scene's timeline, or its frames first..stop-1 as a film of their own. Raises SceneError, RunError."""
    frames = timeline(scene)
    if span is None:
        return frames
    if not 0 <= span[0] < span[1] <= len(frames):
        raise RunError(f"--frames {span[0]}:{span[1]}: the film's frames are 0:{len(frames)}")
    return slice_film(frames, *span)


def start_run(
    scene: Scene,
    file: Path | None,
    folder: Path,
    span: tuple[int, int] | None = None,
    extra_header: Mapping[str, Any] | None = None,
) -> Run:
    """Create the folder of a new run for the schedule file `file`, None for a scene without one. Raises RunError.

    `span`: render the frames first..stop-1 only. `extra_header`: additional fields of the journal's header.
    """
    from animator.runs.atomic import sha256_hex
    from animator.runs.metadata import frame_table_csv
    from animator.runs.run import Run

    frames, film = frame_range(scene, span), to_yaml(scene)
    files: dict[str, str | bytes] = {
        "settings.yaml": film if file is None else file.read_bytes(),
        "resolved.yaml": film,
        "frames.csv": frame_table_csv(frame_table(scene, frames)),
    }
    read = FrameFingerprints(scene, frames).files
    head = {
        **{"frames": scene.frames, "size": [*scene.size], "fps": scene.settings.video.fps},
        **{"film": sha256_hex(film.encode("utf8")), "files": read, **(extra_header or {})},
    }
    return Run.create(folder, frames[0].index, frames[-1].index + 1, files, head)


def reopen_run(folder: Path) -> tuple[Run, Scene]:
    """Return the run in `folder` and the scene that it renders. Raises RunError, SceneError."""
    from animator.runs.run import Run

    return Run.open(folder), load(folder / "resolved.yaml")


def render_run(
    run: Run, scene: Scene, paint: Callable[[Scene], Painter] = load_painter, tell: EventSink = ignore
) -> Iterator[Frame]:
    """Paint and record the missing frames of `run`, and make its video; yield each frame once it is being saved.

    `paint` loads the painter, and is called only if a frame has to be painted; a complete film is left alone.
    Close the generator to stop early; no painted frame is lost. `tell` receives the events. Raises
    AnimatorError; among them RunError where another process works on the run, or where an input of its saved
    frames has changed.
    """
    with run.locked():
        frames = frame_range(scene, (run.first, run.stop))
        missing = [frame for frame in frames if frame.index not in run.saved]
        run.fingerprints = verify_unchanged(run, scene, frames).keys
        paintings = sum(frame.diffuse for frame in missing)
        tell(_started_event(run, scene, paintings))
        for note in scene_advice(scene):
            tell(Warned(str(note)))
        if missing or not run.video.exists():
            yield from _render_missing(run, scene, frames, paint, paintings, tell)
            tell(Encoded(str(run.video.resolve()), run.video.stat().st_size))


def _render_missing(
    run: Run,
    scene: Scene,
    frames: Sequence[Frame],
    paint: Callable[[Scene], Painter],
    paintings: int,
    tell: EventSink,
) -> Iterator[Frame]:
    """Paint and record the missing ones of `frames`; `paintings` is the number of them to paint."""
    from animator.runs.recorder import Recorder
    from animator.runs.video import verify_encoder

    video = _video_format(scene, frames)
    verify_encoder(video, run.folder)
    larger = LargerFrames(scene, run)
    painter: Painter = FunctionPainter(_never_called)
    if paintings or (uses_second_pass(scene) and larger.missing(frames)):
        tell(Loading(scene.settings.model.base))
        painter = paint(scene)
        painter.keep_paintings(KeyPaintings(run.folder))
        tell(Loaded())
    measure = color_metrics(scene)
    again = [frame.index for frame in boomerang_frames(scene, frames)]
    between, kept = upscale.interpolator(scene, frames), larger.store
    report, texts = partial(_report_saved, run, tell), _FrameTexts(scene, frames)
    with Recorder(run, video, to_yaml(scene), texts, again, report, between, kept) as recorder:
        for stretch in pending_segments(run, scene, frames, painter):
            if isinstance(stretch, list):
                larger.upscale_missing(run, stretch, painter)
                recorder.reuse([frame.index for frame in stretch])
                continue
            for frame, after in stretch:
                assert after.shown is not None
                large = larger(frame, after.shown, painter)
                recorder.save(frame, after.shown, after.span, partial(measure, frame, after), large)
                yield frame


def _video_format(scene: Scene, frames: Sequence[Frame]) -> VideoFormat:
    """Return the format of the video of `frames`."""
    from animator.runs.video import VideoFormat

    fps = scene.settings.video.fps * scene.settings.output.interpolate
    return VideoFormat(*output_size(scene), fps, sound=soundtrack(scene, frames), **video_quality(scene))


def _never_called(frame: Frame, start: Image | None) -> Image:  # noqa: ARG001 (the interface of a painter)
    raise AssertionError(f"frame {frame.index} was to be taken from the disk")


def _started_event(run: Run, scene: Scene, paintings: int) -> Started:
    from animator import __version__
    from animator.runs.run import LOG_NAME

    kept = sum(run.first <= index < run.stop for index in run.saved)
    model, fps = scene.settings.model.base, scene.settings.video.fps
    folder = run.folder.resolve()
    size = (scene.size.width, scene.size.height)
    return Started(
        __version__,
        str(folder),
        str(folder / LOG_NAME),
        run.first,
        run.stop,
        kept,
        paintings,
        size,
        fps,
        model,
    )


def _report_saved(run: Run, tell: EventSink, frame: Frame) -> None:
    """Report that a frame is safe on disk."""
    facts = {name: run.measurement(frame.index, name) for name in ("drift", "palette")}
    tell(FrameDone(frame.index, frame.diffuse, str(run.image_file(frame.index).resolve()), **facts))


def video_quality(scene: Scene) -> dict[str, Any]:
    """Return codec, quality and CRF of the film's own video."""
    output = scene.settings.output
    return {"codec": output.codec, "quality": output.quality, "crf": output.crf}


def soundtrack(scene: Scene, frames: Sequence[Frame]) -> AudioClip | None:
    """Return the part of the sound track for `frames`, and for the way back of a boomerang; None without a track."""
    track, fps = scene_audio(scene), scene.settings.video.fps
    if track is None:
        return None
    shown = len(frames) + len(boomerang_frames(scene, frames))
    return replace(track, start=track.start + frames[0].index / fps, seconds=shown / fps)


def boomerang_frames(scene: Scene, frames: Sequence[Frame]) -> Sequence[Frame]:
    """Return the frames that a boomerang plays backwards, up to where its first frame follows; else ()."""
    return frames[-2:0:-1] if scene.settings.video.loop == "boomerang" else ()


class _FrameTexts:
    """Texts stored in each frame's PNG, by keyword."""

    def __init__(self, scene: Scene, frames: Sequence[Frame]) -> None:
        self.scene, self.first, self.rows = scene, frames[0].index, frame_table(scene, frames)
        self.film = to_yaml(scene)

    def __call__(self, frame: Frame) -> dict[str, str]:
        model = Path(self.scene.settings.model.base).name
        row = json.dumps(self.rows[frame.index - self.first], ensure_ascii=False)
        text = metadata.a1111_parameters(frame, *self.scene.size, model)
        return {"parameters": text, metadata.RECIPE_KEY: row, metadata.FILM_KEY: self.film}


def verify_unchanged(run: Run, scene: Scene, frames: Sequence[Frame]) -> FrameFingerprints:
    """Return the fingerprints of `frames`; raise RunError if a saved frame no longer matches its own.

    Fingerprints are not compared once every frame is saved.
    """
    way_out = f"keep the frames that are still valid, and paint the rest, with: animator branch {run.folder}"
    if run.saved and run.is_edited():
        raise RunError(f"{run.folder}/resolved.yaml has been edited since the run began; {way_out}")
    for index in run.taken_over:
        if index not in run.saved:
            raise RunError(
                f"{run.image_file(index)} was taken over from another run and is missing; branch again"
            )
    lineage = FrameFingerprints(
        scene, frames, {index: run.fingerprint(index) or "" for index in run.taken_over}
    )
    if all(frame.index in run.saved for frame in frames):
        return lineage  # nothing to paint, so it does not matter if the model is gone
    before = run.header.get("files", {})
    for index, key in lineage.keys.items():
        if index in run.saved and run.fingerprint(index) not in (None, key):
            changed = [path for path, digest in lineage.files.items() if before.get(path, digest) != digest]
            what = changed[0] if changed else "a setting or an earlier frame that it depends on"
            raise RunError(f"{what} has changed since frame {index} was painted; {way_out}")
    return lineage


def pending_segments(
    run: Run, scene: Scene, frames: Sequence[Frame], painter: Painter
) -> Iterator[list[Frame] | Iterator[tuple[Frame, State]]]:
    """Yield a run's frames in film order, in segments: lists of saved frames, and iterators that render the others.

    Painted frames that are saved are read from the disk where a segment has to be rendered again.
    """
    from animator.runs.run import SavedFrames

    position, state = run.resume_point(frames)
    if position:
        yield list(frames[:position])
    known = SavedFrames(run)
    for complete, group in groupby(
        shots(frames[position:]), lambda shot: {f.index for f in shot} <= known.keys()
    ):
        rest = [frame for shot in group for frame in shot]
        yield rest if complete else iterate_film(scene, rest, painter, state, known)
        state = State()
