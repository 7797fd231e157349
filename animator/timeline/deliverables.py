"""Deliverables of a film, read from the schedule: shapes and their framing, poster frame, cut-out mask, codecs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial

from animator.errors import CurveError, Problem, ProgramError, SceneError, SettingPath, suggest
from animator.frame import Framing
from animator.imaging.video_codecs import CODECS, ffmpeg_path, pick_encoder
from animator.scene.scene import Scene
from animator.scene.settings_output import DELIVERABLES, is_cutout, kind_and_shape
from animator.timeline.column_reader import Reader

MASK_PATH = ("output", "mask")
DEFAULT_MASK = "product"  # the mask that is cut out unless the schedule names one


def requested(scene: Scene) -> list[str]:
    """Return the deliverables beside the film itself: an MP4 for each shape, and the ones in `also`."""
    shapes = [f"mp4@{name}" for name in scene.settings.output.frame]
    return list(dict.fromkeys([*shapes, *scene.settings.output.also]))


def deliverable_codec(scene: Scene, kind: str) -> str | None:
    """Return the codec of a kind of deliverable; None if it is not a video."""
    codec = DELIVERABLES.load(kind).codec
    return scene.settings.output.codec if codec == "film" else codec


def shape_framings(scene: Scene, shape: str) -> list[Framing]:
    """Return the part of the image that a shape shows, for every frame. Raises SceneError."""
    reader = Reader(scene)
    found = _sample_framings(reader, shape)
    if reader.problems:
        raise SceneError(reader.problems)
    return found


def _sample_framings(reader: Reader, shape: str) -> list[Framing]:
    written = reader.scene.settings.output.frame[shape].given()
    columns = [
        reader.number_column(
            written.get(field.name, field.default),
            ("output", "frame", shape, field.name),
            (field.metadata["low"], field.metadata["high"]),
        )
        for field in fields(Framing)
    ]
    return [Framing(*row) for row in zip(*columns, strict=True)]


def poster_frame(scene: Scene) -> int | None:
    """Return the index of the poster frame; None if the scene names none. Raises CurveError if it is outside."""
    written = scene.settings.output.poster
    if written is None:
        return None
    frame = Reader(scene).clock.frame(str(written))
    if not 0 <= frame < scene.frames:
        raise CurveError(f"frame {frame} is outside the film's 0..{scene.frames - 1}")
    return frame


def cutout_mask(scene: Scene) -> str:
    """Return the mask expression that is cut out: `output.mask`, else `product`, else the only mask.

    Raises CurveError if there is no mask, or several and no choice.
    """
    names = list(scene.settings.masks)
    written = scene.settings.output.mask
    if written is not None:
        return Reader(scene).check_mask(written)
    if DEFAULT_MASK in names:
        return DEFAULT_MASK
    if len(names) == 1:
        return names[0]
    if names:
        raise CurveError(f"no mask is chosen; write output: {{mask: …}} with one of {', '.join(names)}")
    example = 'masks: {product: {color: "#c03030", within: 30}}'
    if scene.settings.product is not None:
        example = "masks: {product: {part: '*'}}"
    raise CurveError(f"there is no mask to cut out with; write one, e.g. {example}")


def deliverable_problems(scene: Scene) -> list[Problem]:
    """Return the problems of the requested deliverables, before anything is painted."""
    output = scene.settings.output
    if not output.given():
        return []
    reader = Reader(scene)
    reader.problems.clear()  # the timeline reports those
    for shape in output.frame:
        _sample_framings(reader, shape)
    found = list(reader.problems)
    for shape, framing in output.frame.items():
        found += _collect_problem(
            scene, ("output", "frame", shape, "follow"), partial(reader.check_mask, framing.follow)
        )
    also = ("output", "also")
    for at, word in enumerate(output.also):
        form = kind_and_shape(word)[1]
        if form and form not in output.frame:
            known = (
                suggest(form, output.frame) if output.frame else f"write output: {{frame: {{{form}: {{}}}}}}"
            )
            found.append(scene.problem((*also, str(at)), f"no shape {form!r} in output.frame; {known}"))
    found += _collect_problem(scene, ("output", "poster"), partial(poster_frame, scene))
    if output.mask is not None or any(map(is_cutout, output.also)):
        path: SettingPath = MASK_PATH if output.mask is not None else also
        found += _collect_problem(scene, path, partial(cutout_mask, scene))
    return [*found, *_encoder_problems(scene)]


def _collect_problem(scene: Scene, path: SettingPath, work: Callable[[], object]) -> Iterator[Problem]:
    try:
        work()
    except CurveError as error:
        yield scene.problem(path, str(error))


def _encoder_problems(scene: Scene) -> Iterator[Problem]:
    """Yield codecs that the installed ffmpeg cannot write, and a `crf` out of the codec's range."""
    output = scene.settings.output
    places: dict[str | None, SettingPath] = {
        deliverable_codec(scene, kind_and_shape(word)[0]): ("output", "also", str(at))
        for at, word in enumerate(output.also)
    }
    places[output.codec] = ("output", "codec")
    worst = CODECS[output.codec].max_crf
    if output.crf is not None and output.crf > worst:
        yield scene.problem(("output", "crf"), f"{output.crf}; allowed for {output.codec}: 0..{worst}")
    for name, path in places.items():
        if name is None or name == "h264":  # assumed of every ffmpeg; a preview would fail without it
            continue
        try:
            ffmpeg_path()
        except ProgramError:
            return  # whatever needs ffmpeg reports it missing
        try:
            pick_encoder(name)
        except ProgramError as error:
            yield scene.problem(path, str(error))
