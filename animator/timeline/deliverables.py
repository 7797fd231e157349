"""What is made of a film's pictures, frame by frame: which part a shape shows, which frame is the poster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial

from animator.errors import CurveError, Path, Problem, ProgramError, SceneError, nearest
from animator.frame import Framing
from animator.imaging.codecs import CODECS, encoder
from animator.imaging.ffmpeg import program
from animator.scene.scene import Scene
from animator.scene.settings_output import CODEC, cut_out, split
from animator.timeline.reader import Reader

MASK = ("output", "mask")
PRODUCT = "product"  # the mask that is cut out unless one is named


def wanted(scene: Scene) -> list[str]:
    """What is made beside the film itself: an MP4 for each shape, and what `also` names."""
    shapes = [f"mp4@{name}" for name in scene.settings.output.frame]
    return list(dict.fromkeys([*shapes, *scene.settings.output.also]))


def codec(scene: Scene, kind: str) -> str | None:
    """The codec of a kind; None for what is no video."""
    return CODEC.get(kind, scene.settings.output.codec if kind == "mp4" else None)


def framings(scene: Scene, shape: str) -> list[Framing]:
    """Which part of the picture a shape shows in every frame. Raises SceneError."""
    reader = Reader(scene)
    found = _framings(reader, shape)
    if reader.problems:
        raise SceneError(reader.problems)
    return found


def _framings(reader: Reader, shape: str) -> list[Framing]:
    written = reader.scene.settings.output.frame[shape].written()
    columns = [
        reader.numbers(
            written.get(field.name, field.default),
            ("output", "frame", shape, field.name),
            (field.metadata["low"], field.metadata["high"]),
        )
        for field in fields(Framing)
    ]
    return [Framing(*row) for row in zip(*columns, strict=True)]


def poster(scene: Scene) -> int | None:
    """The frame that the scene names for its poster, if it does. Raises CurveError."""
    written = scene.settings.output.poster
    if written is None:
        return None
    frame = Reader(scene).clock.frame(str(written))
    if not 0 <= frame < scene.frames:
        raise CurveError(f"frame {frame} is outside the film's 0..{scene.frames - 1}")
    return frame


def mask(scene: Scene) -> str:
    """The masks that are cut out: those named, `product`, or the only one there is. Raises CurveError."""
    names = list(scene.settings.masks)
    written = scene.settings.output.mask
    if written is not None:
        return Reader(scene).mask(written)
    if PRODUCT in names:
        return PRODUCT
    if len(names) == 1:
        return names[0]
    if names:
        raise CurveError(f"nothing says what is cut out; write output: {{mask: …}}, of {', '.join(names)}")
    example = 'masks: {product: {color: "#c03030", within: 30}}'
    raise CurveError(f"there is no mask to cut out by; write one, e.g. {example}")


def problems(scene: Scene) -> list[Problem]:
    """What is wrong with what is to be made, before anything is painted."""
    output = scene.settings.output
    if not output.written():
        return []
    reader = Reader(scene)
    reader.problems.clear()  # the timeline tells those
    for shape in output.frame:
        _framings(reader, shape)
    found = list(reader.problems)
    for shape, framing in output.frame.items():
        found += _told(scene, ("output", "frame", shape, "follow"), partial(reader.mask, framing.follow))
    also = ("output", "also")
    for at, word in enumerate(output.also):
        form = split(word)[1]
        if form and form not in output.frame:
            known = (
                nearest(form, output.frame) if output.frame else f"write output: {{frame: {{{form}: {{}}}}}}"
            )
            found.append(scene.problem((*also, str(at)), f"no shape {form!r} in output.frame; {known}"))
    found += _told(scene, ("output", "poster"), partial(poster, scene))
    if output.mask is not None or any(map(cut_out, output.also)):
        path: Path = MASK if output.mask is not None else also
        found += _told(scene, path, partial(mask, scene))
    return [*found, *_encoders(scene)]


def _told(scene: Scene, path: Path, work: Callable[[], object]) -> Iterator[Problem]:
    try:
        work()
    except CurveError as error:
        yield scene.problem(path, str(error))


def _encoders(scene: Scene) -> Iterator[Problem]:
    """Videos that this ffmpeg cannot write, and a quality number that their codec does not have."""
    output = scene.settings.output
    places: dict[str | None, Path] = {
        codec(scene, split(word)[0]): ("output", "also", str(at)) for at, word in enumerate(output.also)
    }
    places[output.codec] = ("output", "codec")
    worst = CODECS[output.codec].worst
    if output.crf is not None and output.crf > worst:
        yield scene.problem(("output", "crf"), f"{output.crf}; {output.codec} has 0..{worst}")
    for name, path in places.items():
        if name is None or name == "h264":  # every ffmpeg that we are given has it; a rehearsal would show
            continue
        try:
            program()
        except ProgramError:
            return  # what needs it says so
        try:
            encoder(name)
        except ProgramError as error:
            yield scene.problem(path, str(error))
