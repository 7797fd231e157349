"""Films in a notebook: cards of scenes, previews that play, sliders through frames, live progress.

    from animator.viewer import notebook
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
from animator.runs.atomic import write_atomic
from animator.runs.cost import describe_cost
from animator.runs.metadata import frame_table
from animator.runs.render import boomerang_frames, frame_range, render_run, reopen_run, soundtrack, start_run
from animator.runs.run import Run
from animator.runs.video import VideoFormat, VideoWriter
from animator.scene.scene import Scene
from animator.timeline.cadence import pick_evenly
from animator.timeline.compile import timeline
from animator.viewer import html
from animator.viewer.charts import curves_svg
from animator.viewer.html import (
    THUMBNAIL_WIDTH,
    Thumbnail,
    encode_jpeg,
    film_summary,
    fragment,
    full_page,
    make_thumbnails,
    preview_html,
    progress_html,
    video_html,
)
from animator.viewer.overlay import prompt_bands, settings_line
from animator.viewer.preview import draft_scene, with_captions, write_preview

if TYPE_CHECKING:
    import ipywidgets


class HtmlView:
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
            write_atomic(target, full_page(self.title, self.body).encode("utf8"))
        except OSError as error:
            raise RunError(f"{target} cannot be written: {error.strerror}") from error
        return target


UPDATE_SECONDS = 0.5  # seconds between updates


class ProgressDisplay:
    """Output of a cell, updated in place, with the progress of a film and its latest frame."""

    def __init__(self, total: int) -> None:
        """Show an empty display. `total`: number of the film's frames, 0 if unknown.

        Raises ProgramError without IPython.
        """
        self.total, self.done, self.painted = total, 0, 0
        self._first = self._shown = 0.0  # time of the first frame, so that loading the model does not count
        show = import_extra("IPython.display").display
        self._handle = show(HtmlView(progress_html(0, total, 0, 0.0, None), "progress"), display_id=True)

    def count(self, frame: Frame) -> None:
        """Count `frame` as done."""
        self._first = self._first or time.monotonic()
        self.done += 1
        self.painted += frame.diffuse

    @property
    def is_due(self) -> bool:
        """True when the last update is more than EVERY seconds old."""
        return time.monotonic() - self._shown > UPDATE_SECONDS

    def show(self, image: Image) -> None:
        """Show `image` as the latest frame."""
        self._shown = time.monotonic()
        pace = (self._shown - self._first) / max(1, self.done - 1)
        if self._handle is not None:  # None outside a notebook
            body = progress_html(
                self.done, self.total, self.painted, pace, encode_jpeg(image, THUMBNAIL_WIDTH)
            )
            self._handle.update(HtmlView(body, "progress"))


def import_extra(module: str) -> Any:
    """Import a module of the extra `notebook`. Raises ProgramError where it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ProgramError("this needs the notebook extra: pip install 'animator[notebook]'") from error


MAX_VIDEO_BYTES = 4_000_000  # bytes: maximum size of an embedded video

# Longer side in pixels and x264's CRF, tried in this order; the last takes 20 kB per second.
VIDEO_SIZES = ((448, 24), (320, 30), (224, 36), (128, 45))


def preview_video(scene: Scene, max_bytes: int = MAX_VIDEO_BYTES) -> bytes:
    """Return the preview as an MP4 of at most `max_bytes` bytes, else the smallest version. Raises AnimatorError."""

    def write(file: Path, side: int, crf: int) -> None:
        for _ in write_preview(scene, file, side, overlay=False, crf=crf):
            pass

    return next(_fitting_videos(write, max_bytes))


def shrink_video(run: Run, scene: Scene, max_bytes: int = MAX_VIDEO_BYTES) -> bytes:
    """Return a run's video, or a smaller H.264 one where it exceeds `max_bytes` bytes or has another codec.

    Raises AnimatorError.
    """
    if (
        run.video.stat().st_size <= max_bytes and scene.settings.output.codec == "h264"
    ):  # plays in every browser
        return run.video.read_bytes()
    frames = frame_range(scene, (run.first, run.stop))
    order = [frame.index for frame in [*frames, *boomerang_frames(scene, frames)]]

    def write(file: Path, side: int, crf: int) -> None:
        size = draft_scene(scene, side).size
        video = VideoFormat(*size, scene.settings.video.fps, crf, soundtrack(scene, frames), quality="draft")
        with VideoWriter(file, video) as sink:
            for index in order:
                sink.write(cv2.resize(run.image(index), size, interpolation=cv2.INTER_AREA).astype("uint8"))

    return next(_fitting_videos(write, max_bytes))


def _fitting_videos(write: Callable[[Path, int, int], None], most: int) -> Iterator[bytes]:
    """Yield the files that `write` makes at those of SIZES that fit in `most` bytes; the last one in any case."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        file = Path(room, "video.mp4")
        for size in VIDEO_SIZES:
            write(file, *size)
            if file.stat().st_size <= most or size == VIDEO_SIZES[-1]:
                yield file.read_bytes()


CARD_THUMBNAIL_WIDTH = 136  # pixels: width of a thumbnail; seven fit in a line

CARD_THUMBNAILS = 7

LONG_FILM = 2_000  # frames: drawing the motion of a longer film takes more than a few seconds


def scene_card(scene: Scene) -> str:
    """Return HTML for a scene: its size, length, cost and curves, and preview frames at its prompts."""
    frames = timeline(scene)
    table = frame_table(scene, frames)
    images = (
        thumbnails_html(_preview_thumbnails(scene), _prompt_texts(scene)) if len(frames) <= LONG_FILM else ""
    )
    lines = "<br>".join(map(escape, (film_summary(scene), describe_cost(scene, table))))
    return f'<div class="animator"><p class="told">{lines}</p>{images}{curves_svg(frames)}</div>'


def thumbnails_html(images: Sequence[Thumbnail], texts: Mapping[int, str]) -> str:
    """Return HTML for thumbnails side by side, with their frame numbers and the `texts` of their frames."""
    figures = "".join(
        f'<figure style="width:{CARD_THUMBNAIL_WIDTH}px"><img src="{one.url}" '
        f'width="{CARD_THUMBNAIL_WIDTH}" alt="frame {one.index}">'
        f"<figcaption>{one.index}{escape(_caption(texts.get(one.index, '')))}</figcaption></figure>"
        for one in images
    )
    return f'<div class="thumbs">{figures}</div>'


def _caption(text: str) -> str:
    return f" · {text}" if text else ""


def _preview_thumbnails(scene: Scene) -> list[Thumbnail]:
    """Return preview frames: where prompts begin, between those while they are few, and at the film's end."""
    frames = timeline(scene)
    found = prompt_bands([(frame.prompt.text, frame.prompt.weight) for frame in frames])
    wanted = {stretch.first for stretch in found} | {len(frames) - 1}
    if len(found) < CARD_THUMBNAILS // 2 + 1:
        parts = CARD_THUMBNAILS // len(found)
        wanted |= {
            one.first + (one.stop - one.first) * part // parts for one in found for part in range(parts)
        }
    seen: dict[int, Image] = {}
    for at, (_, image) in enumerate(with_captions(draft_scene(scene, 2 * CARD_THUMBNAIL_WIDTH), text=False)):
        if at in wanted:
            seen[at] = image
    return make_thumbnails(sorted(seen), seen.__getitem__, 2 * CARD_THUMBNAIL_WIDTH, CARD_THUMBNAILS)


def _prompt_texts(scene: Scene) -> dict[int, str]:
    return {at: frame.prompt.text for at, frame in enumerate(timeline(scene))}


COMPARED_FRAMES = 24  # frames that are compared: few enough to fit at any size


__all__ = ["HtmlView", "compare", "play", "preview", "render", "scrub", "sheet", "watch"]


def preview(scene: Scene) -> HtmlView:
    """Play the whole film without a model, with its prompts, settings and curves. Raises AnimatorError."""
    return HtmlView(preview_html(scene, "", preview_video(scene)))


def play(run: Run | str | Path) -> HtmlView:
    """Play the video of a run. Raises RunError where it is not complete."""
    opened, scene = _open_run(run)
    if not opened.video.exists():
        raise RunError(f"{opened.folder} has no video yet; go on with: animator resume {opened.folder}")
    return HtmlView(video_html(shrink_video(opened, scene)), opened.folder.name)


def sheet(run: Run | str | Path, count: int = 24) -> HtmlView:
    """Show `count` frames of a run side by side, with their numbers and prompts. Raises RunError."""
    opened, scene = _open_run(run)
    shown = html.make_thumbnails(_saved_frames(opened), opened.image, 2 * CARD_THUMBNAIL_WIDTH, count)
    texts = {frame.index: frame.prompt.text for frame in timeline(scene)}
    return HtmlView(f'<div class="animator">{thumbnails_html(shown, texts)}</div>', opened.folder.name)


def scrub(run: Run | str | Path) -> FrameSlider:
    """Show a slider through a run's frames, small and without a kernel; `.widget()` shows them at full size."""
    return FrameSlider(*_open_run(run))


def compare(
    before: Run | str | Path, after: Run | str | Path, names: tuple[str, str] | None = None
) -> HtmlView:
    """Show a wipe between frames that two runs both have. `names`: their labels; by default their folders'."""
    (one, _), (other, _) = _open_run(before), _open_run(after)
    both = sorted(set(_saved_frames(one)) & set(_saved_frames(other)))
    if not both:
        raise RunError(f"{one.folder} and {other.folder} have no frame in common")
    chosen = pick_evenly(both, COMPARED_FRAMES)
    first, second = (
        html.make_thumbnails(
            chosen, run.image, 2 * html.THUMBNAIL_WIDTH, COMPARED_FRAMES, html.MAX_CHARACTERS // 2
        )
        for run in (one, other)
    )
    return HtmlView(html.compare_html(first, second, names or (one.folder.name, other.folder.name)))


def render(scene: Scene, folder: str | Path | None = None) -> Run:
    """Paint the film into `folder` (default: renders/NAME/DATE-TIME), showing progress and the latest frame.

    Frames that are painted stay when the notebook's stop button is used; `animator resume FOLDER` continues.
    Raises AnimatorError.
    """
    file = Path(scene.document.file)
    written = file if file.is_file() else None
    where = Path("renders", file.stem if written else "notebook", datetime.now().strftime("%Y%m%d-%H%M%S"))
    run = start_run(scene, written, where if folder is None else Path(folder))
    display = ProgressDisplay(run.stop - run.first)
    for frame in render_run(run, scene):
        display.count(frame)
        if display.is_due and run.saved:
            display.show(run.image(max(run.saved)))
    display.show(run.image(max(run.saved)))
    return run


def watch(film: Iterable[tuple[Frame, State]], total: int = 0) -> Iterator[tuple[Frame, State]]:
    """Yield from `film`, the result of animator.animate, showing progress and the latest frame.

    `total`: number of frames of the film, if known.
    """
    display = ProgressDisplay(total)
    shown: Image | None = None
    for frame, state in film:
        display.count(frame)
        shown = state.shown
        if display.is_due and shown is not None:
            display.show(shown)
        yield frame, state
    if shown is not None:
        display.show(shown)


class FrameSlider(HtmlView):
    """Slider through a run's frames: as HTML, or as a widget of a notebook with a kernel."""

    def __init__(self, run: Run, scene: Scene) -> None:
        self.run = run
        table = frame_table(scene, timeline(scene))
        self.texts = {row["index"]: f"{row['prompt']['text']} · {settings_line(row)}" for row in table}
        shown = html.make_thumbnails(_saved_frames(run), run.image)
        super().__init__(html.slider_html(shown, self.texts), run.folder.name)

    def widget(self) -> ipywidgets.VBox:
        """Return a slider through every frame, at the film's size up to 1024 pixels across; it needs a kernel.

        Raises ProgramError without ipywidgets.
        """
        widgets = import_extra("ipywidgets")
        frames = _saved_frames(self.run)
        slider = widgets.IntSlider(min=0, max=len(frames) - 1, description="frame", readout=False)
        play = widgets.Play(min=0, max=len(frames) - 1, interval=83)
        widgets.jslink((play, "value"), (slider, "value"))
        image, words = widgets.Image(format="jpeg"), widgets.HTML()

        def show(_: Any = None) -> None:
            index = frames[slider.value]
            image.value = html.encode_jpeg(self.run.image(index), 1024, 90)
            words.value = f"<b>{index}</b> {escape(self.texts[index])}"

        slider.observe(show, "value")
        show()
        return widgets.VBox([image, widgets.HBox([play, slider]), words])


def _open_run(run: Run | str | Path) -> tuple[Run, Scene]:
    return reopen_run(run.folder if isinstance(run, Run) else Path(run))


def _saved_frames(run: Run) -> Sequence[int]:
    """Return the saved frames of a run. Raises RunError where there are none."""
    if not run.saved:
        raise RunError(f"{run.folder} has no frames yet")
    return sorted(run.saved)


Scene.as_html = lambda scene: fragment(scene_card(scene))
