"""Deliverables made from a run's frames: one function for each kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from animator.runs import animations as loops
from animator.runs import fitting, still, words
from animator.runs.archive import archive
from animator.runs.atomic import png, write_whole
from animator.runs.recorder import Between
from animator.runs.reel import Reel
from animator.runs.run import Run
from animator.runs.video import Format, Video


@dataclass(frozen=True)
class Edition:
    """One file to write: its images, and the facts about the film that it needs.

    `bare`: the images are the saved PNGs, unchanged to the bit. `video`: the format, for a kind that is a
    video; `between`: interpolates images for it. `most`: maximum size of a GIF or WebP, in bytes. `painted`:
    frames among which the poster is chosen where `poster` is None.
    """

    run: Run
    reel: Reel
    recipe: str
    bare: bool = True
    video: Format | None = None
    between: Between | None = None
    quality: str = "good"
    forever: bool = False
    most: int | None = None
    painted: Sequence[int] = ()
    poster: int | None = None
    prompts: Mapping[int, str] | None = None

    @property
    def frames(self) -> Sequence[int]:
        """Every frame once, in film order."""
        return range(self.run.first, self.run.stop)


def make(kind: str, edition: Edition, target: Path) -> str:
    """Write the kind of file `kind` (one of KINDS) as `target`; return a line that describes the result.

    The file appears under its name only when it is complete. Raises AnimatorError, OSError.
    """
    kind = kind.removesuffix("-alpha")
    return _MAKERS[kind](edition, target) if kind in _MAKERS else _video(edition, target)


def _video(edition: Edition, target: Path) -> str:
    assert edition.video is not None
    reel = edition.reel
    pictures = ((index, reel.look(index)) for index in reel.order)
    count = 0
    with Video(target, edition.video, edition.recipe) as video:
        for picture in reel if edition.between is None else edition.between(pictures):
            video.write(picture)
            count += 1
    told = f"{count} frames of {reel.width}x{reel.height} at {edition.video.fps:.3g} fps"
    return f"{told}, {_size(target)}"


def _moving(
    encode: Callable[[Reel, str, bool, str], bytes], fastest: float, edition: Edition, target: Path
) -> str:
    def encoded(reel: Reel) -> bytes:
        return encode(reel, edition.recipe, edition.forever, edition.quality)

    data, reel = fitting.fitted(edition.reel, edition.most, encoded, fastest)
    write_whole(target, data)
    if len(reel) == len(edition.reel) and reel.width == edition.reel.width:
        return f"{reel}, {_size(target)}"
    whole = f"the film has {edition.reel.width}x{edition.reel.height} at {edition.reel.fps:.3g} fps"
    why = f"at most {fitting.told(edition.most)}" if edition.most else "the format's maximum rate"
    return f"{reel}, {_size(target)} ({why}; {whole})"


def _poster(edition: Edition, target: Path) -> str:
    index = edition.poster
    if index is None:
        late = edition.painted[len(edition.painted) * 2 // 3 :] if not edition.forever else edition.painted
        index = still.telling(late, edition.run.picture)
    write_whole(target, _png(edition, index))
    return f"frame {index}"


def _png(edition: Edition, index: int) -> bytes:
    """Return a frame as a PNG with its texts; the saved file itself where the image is unchanged."""
    if edition.bare:
        return edition.run.picture_file(index).read_bytes()
    return png(edition.reel.look(index), edition.run.texts(index))


def _sheet(edition: Edition, target: Path) -> str:
    first, fps = edition.run.first, edition.reel.fps
    reel = edition.reel.only(edition.frames)
    write_whole(target, still.sheet(reel, edition.recipe, lambda i: f"{i}  {(i - first) / fps:.2f} s"))
    return f"{min(still.SHEET, len(reel))} of {len(reel)} frames"


def _subtitles(edition: Edition, target: Path) -> str:
    assert edition.prompts is not None
    texts = [edition.prompts[index] for index in edition.reel.order]
    text = words.subtitles(texts, edition.reel.fps)
    write_whole(target, text.encode("utf8"))
    return f"{text.count(' --> ')} prompts"


def _archive(edition: Edition, target: Path) -> str:
    names = {index: f"{edition.run.picture_file(index).name}" for index in edition.frames}
    archive(
        target,
        ((name, _png(edition, index)) for index, name in names.items()),
        {"resolved.yaml": edition.recipe},
    )
    return f"{len(names)} frames of {edition.reel.width}x{edition.reel.height}, {_size(target)}"


def _size(file: Path) -> str:
    return fitting.told(file.stat().st_size)


_MAKERS: Mapping[str, Callable[[Edition, Path], str]] = {
    "gif": partial(_moving, loops.gif, loops.GIF_FASTEST),
    "webp": partial(_moving, loops.webp, loops.WEBP_FASTEST),
    "poster": _poster,
    "sheet": _sheet,
    "srt": _subtitles,
    "zip": _archive,
}
