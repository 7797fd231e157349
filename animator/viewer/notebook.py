"""HTML output for a notebook, which can be saved as a page.

Progress display of a notebook while a film is painted.

Videos small enough to be embedded in a notebook.

HTML cards of scenes and runs: facts about a film, its curves, and thumbnails.

Films in a notebook: cards of scenes, previews that play, sliders through frames, live progress.

    from animator import notebook
    scene = animator.load("film.yaml")   # shows a card as the result of its cell
    notebook.preview(scene)              # plays, without a model
    run = notebook.render(scene)         # paints, and shows the latest frame meanwhile
    notebook.scrub(run)

All output is HTML with embedded images of limited size, so that it works in a saved notebook without a
kernel.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from animator.errors import ProgramError, RunError
from animator.frame import Frame, Image, State
from animator.runs.atomic import write_whole
from animator.runs.cost import told
from animator.runs.metadata import rows
from animator.runs.render import back, heard, part, reopen_run, shoot, start_run
from animator.runs.run import Run
from animator.runs.video import Format, Video
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.viewer import html
from animator.viewer import html as pictures
from animator.viewer.charts import curves
from animator.viewer.html import WIDTH, Small, body, fragment, jpeg, live, small, summary, video, whole
from animator.viewer.overlay import numbers, stretches
from animator.viewer.preview import captioned, draft, record

if TYPE_CHECKING:
    import ipywidgets


class View:
    """HTML that a notebook displays and that `save` writes as a page."""

    def __init__(self, body: str, title: str = "animator") -> None:
        self.body, self.title = body, title

    def _repr_html_(self) -> str:
        return fragment(self.body)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title}: {len(self.body) // 1000} kB>"

    def save(self, file: str | Path) -> Path:
        """Write a self-contained page; return its path. Raises RunError."""
        target = Path(file)
        try:
            write_whole(target, whole(self.title, self.body).encode("utf8"))
        except OSError as error:
            raise RunError(f"{target} cannot be written: {error.strerror}") from error
        return target


EVERY = 0.5  # seconds between updates


class Display:
    """Output of a cell, updated in place, with the progress of a film and its latest frame."""

    def __init__(self, total: int) -> None:
        """Show an empty display. `total`: number of the film's frames, 0 if unknown.

        Raises ProgramError without IPython.
        """
        self.total, self.done, self.painted = total, 0, 0
        self._first = self._shown = 0.0  # time of the first frame, so that loading the model does not count
        show = needed("IPython.display").display
        self._handle = show(View(live(0, total, 0, 0.0, None), "progress"), display_id=True)

    def count(self, frame: Frame) -> None:
        """Count `frame` as done."""
        self._first = self._first or time.monotonic()
        self.done += 1
        self.painted += frame.diffuse

    @property
    def due(self) -> bool:
        """True when the last update is more than EVERY seconds old."""
        return time.monotonic() - self._shown > EVERY

    def show(self, image: Image) -> None:
        """Show `image` as the latest frame."""
        self._shown = time.monotonic()
        pace = (self._shown - self._first) / max(1, self.done - 1)
        if self._handle is not None:  # None outside a notebook
            body = live(self.done, self.total, self.painted, pace, jpeg(image, WIDTH))
            self._handle.update(View(body, "progress"))


def needed(module: str) -> Any:
    """Import a module of the extra `notebook`. Raises ProgramError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ProgramError("this needs the notebook extra: pip install 'animator[notebook]'") from error


MOST = 4_000_000  # bytes: maximum size of an embedded video

# Longer side in pixels and x264's CRF, tried in this order; the last takes 20 kB per second.
SIZES = ((448, 24), (320, 30), (224, 36), (128, 45))


def rehearsed(scene: Scene, most: int = MOST) -> bytes:
    """Return the preview as an MP4 of at most `most` bytes, else the smallest version. Raises AnimatorError."""

    def write(file: Path, side: int, crf: int) -> None:
        for _ in record(scene, file, side, overlay=False, crf=crf):
            pass

    return next(_fitting(write, most))


def within(run: Run, scene: Scene, most: int = MOST) -> bytes:
    """Return a run's video, or a smaller H.264 one where it exceeds `most` bytes or has another codec.

    Raises AnimatorError.
    """
    if run.video.stat().st_size <= most and scene.settings.output.codec == "h264":  # plays in every browser
        return run.video.read_bytes()
    frames = part(scene, (run.first, run.stop))
    order = [frame.index for frame in [*frames, *back(scene, frames)]]

    def write(file: Path, side: int, crf: int) -> None:
        size = draft(scene, side).size
        video = Format(*size, scene.settings.video.fps, crf, heard(scene, frames), quality="draft")
        with Video(file, video) as sink:
            for index in order:
                sink.write(cv2.resize(run.picture(index), size, interpolation=cv2.INTER_AREA).astype("uint8"))

    return next(_fitting(write, most))


def _fitting(write: Callable[[Path, int, int], None], most: int) -> Iterator[bytes]:
    """Yield the files that `write` makes at those of SIZES that fit in `most` bytes; the last one in any case."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        file = Path(room, "video.mp4")
        for size in SIZES:
            write(file, *size)
            if file.stat().st_size <= most or size == SIZES[-1]:
                yield file.read_bytes()


THUMB = 136  # pixels: width of a thumbnail; seven fit in a line

THUMBS = 7

LONG = 2_000  # frames: drawing the motion of a longer film takes more than a few seconds


def card(scene: Scene) -> str:
    """Return HTML for a scene: its size, length, cost and curves, and preview frames at its prompts."""
    frames = timeline(scene)
    table = rows(scene, frames)
    pictures = thumbs(_drawn(scene), _texts(scene)) if len(frames) <= LONG else ""
    lines = "<br>".join(map(escape, (summary(scene), told(scene, table))))
    return f'<div class="animator"><p class="told">{lines}</p>{pictures}{curves(frames)}</div>'


def thumbs(pictures: Sequence[Small], texts: Mapping[int, str]) -> str:
    """Return HTML for thumbnails side by side, with their frame numbers and the `texts` of their frames."""
    figures = "".join(
        f'<figure style="width:{THUMB}px"><img src="{one.address}" width="{THUMB}" alt="frame {one.index}">'
        f"<figcaption>{one.index}{escape(_short(texts.get(one.index, '')))}</figcaption></figure>"
        for one in pictures
    )
    return f'<div class="thumbs">{figures}</div>'


def _short(text: str) -> str:
    return f" · {text}" if text else ""


def _drawn(scene: Scene) -> list[Small]:
    """Return preview frames: where prompts begin, between those while they are few, and at the film's end."""
    frames = timeline(scene)
    found = stretches([(frame.prompt.text, frame.prompt.weight) for frame in frames])
    wanted = {stretch.first for stretch in found} | {len(frames) - 1}
    if len(found) < THUMBS // 2 + 1:
        parts = THUMBS // len(found)
        wanted |= {
            one.first + (one.stop - one.first) * part // parts for one in found for part in range(parts)
        }
    seen: dict[int, Image] = {}
    for at, (_, image) in enumerate(captioned(draft(scene, 2 * THUMB), words=False)):
        if at in wanted:
            seen[at] = image
    return small(sorted(seen), seen.__getitem__, 2 * THUMB, THUMBS)


def _texts(scene: Scene) -> dict[int, str]:
    return {at: frame.prompt.text for at, frame in enumerate(timeline(scene))}


PAIRS = 24  # frames that are compared: few enough to fit at any size


__all__ = ["View", "compare", "play", "preview", "render", "scrub", "sheet", "watch"]


def preview(scene: Scene) -> View:
    """Play the whole film without a model, with its prompts, settings and curves. Raises AnimatorError."""
    return View(body(scene, "", rehearsed(scene)))


def play(run: Run | str | Path) -> View:
    """Play the video of a run. Raises RunError where it is not complete."""
    opened, scene = _opened(run)
    if not opened.video.exists():
        raise RunError(f"{opened.folder} has no video yet; go on with: animator resume {opened.folder}")
    return View(video(within(opened, scene)), opened.folder.name)


def sheet(run: Run | str | Path, count: int = 24) -> View:
    """Show `count` frames of a run side by side, with their numbers and prompts. Raises RunError."""
    opened, scene = _opened(run)
    shown = pictures.small(_painted(opened), opened.picture, 2 * THUMB, count)
    texts = {frame.index: frame.prompt.text for frame in timeline(scene)}
    return View(f'<div class="animator">{thumbs(shown, texts)}</div>', opened.folder.name)


def scrub(run: Run | str | Path) -> Scrub:
    """Show a slider through a run's frames, small and without a kernel; `.widget()` shows them at full size."""
    return Scrub(*_opened(run))


def compare(before: Run | str | Path, after: Run | str | Path, names: tuple[str, str] | None = None) -> View:
    """Show a wipe between frames that two runs both have. `names`: their labels; by default their folders'."""
    (one, _), (other, _) = _opened(before), _opened(after)
    both = sorted(set(_painted(one)) & set(_painted(other)))
    if not both:
        raise RunError(f"{one.folder} and {other.folder} have no frame in common")
    chosen = pictures.evenly(both, PAIRS)
    first, second = (
        pictures.small(chosen, run.picture, 2 * pictures.WIDTH, PAIRS, pictures.MOST // 2)
        for run in (one, other)
    )
    return View(html.compare(first, second, names or (one.folder.name, other.folder.name)))


def render(scene: Scene, folder: str | Path | None = None) -> Run:
    """Paint the film into `folder` (default: renders/NAME/DATE-TIME), showing progress and the latest frame.

    Frames that are painted stay when the notebook's stop button is used; `animator resume FOLDER` continues.
    Raises AnimatorError.
    """
    file = Path(scene.document.file)
    written = file if file.is_file() else None
    where = Path("renders", file.stem if written else "notebook", datetime.now().strftime("%Y%m%d-%H%M%S"))
    run = start_run(scene, written, where if folder is None else Path(folder))
    display = Display(run.stop - run.first)
    for frame in shoot(run, scene):
        display.count(frame)
        if display.due and run.saved:
            display.show(run.picture(max(run.saved)))
    display.show(run.picture(max(run.saved)))
    return run


def watch(film: Iterable[tuple[Frame, State]], total: int = 0) -> Iterator[tuple[Frame, State]]:
    """Yield from `film`, the result of animator.animate, showing progress and the latest frame.

    `total`: number of frames of the film, if known.
    """
    display = Display(total)
    shown: Image | None = None
    for frame, state in film:
        display.count(frame)
        shown = state.shown
        if display.due and shown is not None:
            display.show(shown)
        yield frame, state
    if shown is not None:
        display.show(shown)


class Scrub(View):
    """Slider through a run's frames: as HTML, or as a widget of a notebook with a kernel."""

    def __init__(self, run: Run, scene: Scene) -> None:
        self.run = run
        table = rows(scene, timeline(scene))
        self.told = {row["index"]: f"{row['prompt']['text']} · {numbers(row)}" for row in table}
        shown = pictures.small(_painted(run), run.picture)
        super().__init__(html.scrub(shown, self.told), run.folder.name)

    def widget(self) -> ipywidgets.VBox:
        """Return a slider through every frame, at the film's size up to 1024 pixels across; it needs a kernel.

        Raises ProgramError without ipywidgets.
        """
        widgets = needed("ipywidgets")
        frames = _painted(self.run)
        slider = widgets.IntSlider(min=0, max=len(frames) - 1, description="frame", readout=False)
        play = widgets.Play(min=0, max=len(frames) - 1, interval=83)
        widgets.jslink((play, "value"), (slider, "value"))
        image, words = widgets.Image(format="jpeg"), widgets.HTML()

        def show(_: Any = None) -> None:
            index = frames[slider.value]
            image.value = pictures.jpeg(self.run.picture(index), 1024, 90)
            words.value = f"<b>{index}</b> {escape(self.told[index])}"

        slider.observe(show, "value")
        show()
        return widgets.VBox([image, widgets.HBox([play, slider]), words])


def _opened(run: Run | str | Path) -> tuple[Run, Scene]:
    return reopen_run(run.folder if isinstance(run, Run) else Path(run))


def _painted(run: Run) -> Sequence[int]:
    """Return the saved frames of a run. Raises RunError where there are none."""
    if not run.saved:
        raise RunError(f"{run.folder} has no frames yet")
    return sorted(run.saved)


Scene.as_html = lambda scene: fragment(card(scene))
