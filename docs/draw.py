"""Draw the curves of all marked examples of the schedule page: `make docs`.

An example is a YAML block after `<!-- curve NAME SETTING ... -->`; its chart is `curves/NAME.svg`. A setting is
drawn as written (`motion.zoom`), or with its final value in each frame (`frame.motion.zoom`). Each chart contains a
hash of its values, so that a test can check that it is up to date.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from animator import Scene, loads, timeline
from animator.timeline import curves
from animator.timeline.clock import Clock
from animator.timeline.easing import EASINGS

PICTURES = Path(__file__).with_name("curves")
LINE, KEY, AXIS = "#20507c", "#c2410c", "#8a8f98"
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 8, "svg.fonttype": "none", "svg.hashsalt": "animator",
    "text.color": "#4a4f57", "axes.labelcolor": "#4a4f57", "xtick.color": AXIS, "ytick.color": AXIS,
    "axes.edgecolor": "#d5d8dc", "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
    "axes.titlecolor": "#4a4f57",
}  # fmt: skip
_EXAMPLE = re.compile(r"<!-- curve (\S+) (.+?) -->\s*```yaml\n(.*?)```", re.S)
_HASH = re.compile(r"values ([0-9a-f]{16})")


@dataclass(frozen=True)
class Example:
    name: str
    settings: tuple[str, ...]
    text: str

    @property
    def image(self) -> Path:
        return PICTURES / f"{self.name}.svg"

    def curves(self) -> list[tuple[NDArray[np.float64], list[int]]]:
        """Return the values and the key frames of every setting that is drawn."""
        scene = loads(self.text)
        return [_curve(scene, setting) for setting in self.settings]


def examples(page: str) -> list[Example]:
    return [Example(name, tuple(settings.split()), text) for name, settings, text in _EXAMPLE.findall(page)]


def draw(page: str) -> list[Path]:
    """Draw new and changed charts, remove charts without an example, and return the files written."""
    with rc_context(STYLE):
        return list(_draw(page))


def _draw(page: str) -> Iterator[Path]:
    wanted = {EASINGS_PICTURE}
    for example in examples(page):
        wanted.add(example.image)
        curves = example.curves()
        if drawn(example.image) != fingerprint([values for values, _ in curves]):
            _save(_rows(example, curves), example.image, [values for values, _ in curves])
            yield example.image
    if drawn(EASINGS_PICTURE) != fingerprint(easings()):
        _save(_overview(), EASINGS_PICTURE, easings())
        yield EASINGS_PICTURE
    for image in set(PICTURES.glob("*.svg")) - wanted:
        image.unlink()


def drawn(image: Path) -> str | None:
    """Return the fingerprint of the values that a chart shows; None if the chart does not exist."""
    match = _HASH.search(image.read_text(encoding="utf8")) if image.exists() else None
    return match and match[1]


def fingerprint(curves: list[NDArray[np.float64]]) -> str:
    """Return a hash of the curves that is equal on all machines, since the last digits are rounded away."""
    text = ";".join(",".join(f"{value + 0.0:.5e}" for value in np.round(values, 6)) for values in curves)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _curve(scene: Scene, setting: str) -> tuple[NDArray[np.float64], list[int]]:
    *final, section, name = setting.split(".")
    settings = scene.settings
    plain = Clock(scene.frames, settings.video.fps, settings.painting.seed.start, settings.bpm)
    events = {event: plain.frame(str(time)) for event, time in settings.events.items()}
    clock = Clock(plain.frames, plain.fps, plain.seed, plain.bpm, events)
    if final:
        rows = [getattr(getattr(frame, section), name) for frame in timeline(scene)]
        return np.array(rows, dtype=np.float64), []
    written = getattr(getattr(settings, section), name)
    keys = [key.frame for key in curves.parse_keyframes(written, clock) if 0 <= key.frame < clock.frames]
    keys = keys if len(keys) > 1 else []  # a number or an expression has no keys to show
    return curves.sample_curve(written, clock, clock.signals()), keys


def _rows(example: Example, curves: list[tuple[NDArray[np.float64], list[int]]]) -> Figure:
    fps = loads(example.text).settings.video.fps
    height = 0.3 + 1.3 * len(curves)
    figure = Figure(figsize=(6.0, height))
    for row, (setting, (values, keys)) in enumerate(zip(example.settings, curves, strict=True)):
        foot = (0.42 + 1.3 * (len(curves) - 1 - row)) / height
        axis = figure.add_axes((0.09, foot, 0.87, (0.9 if len(curves) > 1 else 0.95) / height))
        axis.plot(values, color=LINE, lw=1.6, solid_capstyle="round")
        axis.plot(keys, values[keys], "o", color=KEY, ms=5, mec="white", mew=1, clip_on=False, zorder=3)
        final = " of each frame" if setting.startswith("frame.") else ""
        axis.set_title(setting.removeprefix("frame.") + final, loc="left", fontsize=8, pad=4)
        axis.margins(y=0.12)
        if np.ptp(values) == 0:
            axis.set_ylim(0, 2 * values[0])
        axis.grid(axis="y", color="#eceef0", lw=0.8)
        axis.locator_params(axis="y", nbins=4)
        axis.ticklabel_format(axis="y", useOffset=False)
        axis.tick_params(length=2.5)
        _time(axis, len(values), fps, labelled=row == len(curves) - 1)
    return figure


def _time(axis: Axes, frames: int, fps: float, labelled: bool) -> None:
    """Label the ticks with frames, and seconds below."""
    axis.set_xlim(0, frames - 1)
    step = fps / 2 if frames / fps <= 4.1 else fps
    ticks = np.arange(0, frames, step)
    if frames - 1 - ticks[-1] > step / 3:
        ticks = np.append(ticks, frames - 1)
    labels = [f"{tick:g}\n{tick / fps:.3g} s" for tick in ticks]
    labels[0] = "frame 0\n0 s"
    axis.set_xticks(ticks, labels if labelled else [""] * len(ticks))


def easings() -> list[NDArray[np.float64]]:
    x = np.linspace(0.0, 1.0, 61)
    return [ease(x) for ease in EASINGS.values()]


EASINGS_PICTURE = PICTURES / "easings.svg"


def _overview() -> Figure:
    """Draw all easings in one chart: two shapes per row."""
    shapes = list(dict.fromkeys(name.rpartition("-")[2] for name in EASINGS))
    names = [f"{way}-{shape}" for shape in shapes[2:] for way in ("in", "out", "in-out")]
    figure = Figure(figsize=(6.0, 6.4))
    axis = figure.add_axes((0.01, 0.0, 0.98, 0.99))
    x = np.linspace(0.0, 1.0, 61)
    for at, name in enumerate([*names, *shapes[:2]]):
        row, column = divmod(at, 6)
        left, foot = 1.5 * column, -2.25 * row
        axis.plot([left, left + 1, left + 1], [foot, foot, foot + 1], color="#eceef0", lw=0.8)
        axis.plot(left + x, foot + EASINGS[name](x), color=LINE, lw=1.4)
        axis.plot([left, left + 1], [foot, foot + 1], "o", color=KEY, ms=4, mec="white", mew=0.8, zorder=3)
        axis.text(left + 0.5, foot - 0.52, name, ha="center", va="top")
    axis.set(xlim=(-0.2, 8.7), ylim=(-2.25 * 5 - 0.9, 1.3))
    axis.axis("off")
    return figure


def _save(figure: Figure, target: Path, curves: list[NDArray[np.float64]]) -> None:
    target.parent.mkdir(exist_ok=True)
    says = {"Date": None, "Creator": None, "Description": f"values {fingerprint(curves)}"}
    figure.savefig(target, metadata=says)
    # Without DejaVu, a browser would use its serif font.
    text = target.read_text(encoding="utf8").replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif")
    target.write_text(text, encoding="utf8")
