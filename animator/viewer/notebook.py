"""Films in a notebook: cards of scenes, previews that play, sliders through frames, live progress.

    from animator import notebook
    scene = animator.load("film.yaml")   # shows a card as the result of its cell
    notebook.preview(scene)              # plays, without a model
    run = notebook.render(scene)         # paints, and shows the latest frame meanwhile
    notebook.scrub(run)

All output is HTML with embedded images of limited size, so that it works in a saved notebook without a
kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator.errors import RunError
from animator.frame import Frame, Image, State
from animator.runs.render import reopen_run, rows, shoot, start_run
from animator.runs.run import Run
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.viewer import cards, strips
from animator.viewer import html as pictures
from animator.viewer.display import Display, needed
from animator.viewer.fill import fragment
from animator.viewer.overlay import numbers
from animator.viewer.player import video
from animator.viewer.videos import rehearsed, within
from animator.viewer.view import View
from animator.viewer.write import body

if TYPE_CHECKING:
    import ipywidgets

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
    shown = pictures.small(_painted(opened), opened.picture, 2 * cards.THUMB, count)
    texts = {frame.index: frame.prompt.text for frame in timeline(scene)}
    return View(f'<div class="animator">{cards.thumbs(shown, texts)}</div>', opened.folder.name)


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
    return View(strips.compare(first, second, names or (one.folder.name, other.folder.name)))


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
        super().__init__(strips.scrub(shown, self.told), run.folder.name)

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


Scene.as_html = lambda scene: fragment(cards.card(scene))
