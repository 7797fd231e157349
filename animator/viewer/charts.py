"""Charts of a schedule: prompts as bands, curves, beats; as PNG, SVG or PDF, and as SVG inside a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from animator.errors import ProgramError, RunError
from animator.frame import Frame
from animator.runs.metadata import flatten
from animator.scene.scene import Scene
from animator.timeline.cadence import pick_evenly
from animator.timeline.compile import scene_beat_frames
from animator.viewer.overlay import BAND_COLORS, prompt_bands

if TYPE_CHECKING:
    from matplotlib.axes import Axes


LINE_COLOR, PAINTED_COLOR, TICK_COLOR = "#20507c", "#c2410c", "#8a8f98"

ROW_INCHES, WIDTH_INCHES = 1.1, 11.0  # inches: height of a curve, width of the plot

PLOTTED_SECTIONS = ("motion", "painting", "loras", "grade", "footage")

PLOT_FORMATS = (".png", ".svg", ".pdf")


def plot(scene: Scene, frames: Sequence[Frame], target: Path) -> None:
    """Draw `frames`, the timeline of `scene`, into the file `target`. Raises RunError, ProgramError."""
    if target.suffix.lower() not in PLOT_FORMATS:
        raise RunError(f"{target}: a plot is one of {', '.join(PLOT_FORMATS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ProgramError("plotting needs matplotlib: pip install 'animator[plot]'") from error

    curves = varying_columns(frames)
    rows = len(curves) + 1
    figure = Figure(figsize=(WIDTH_INCHES, 0.9 + ROW_INCHES * rows), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, gridspec_kw={"hspace": 0.02})[:, 0]
    _plot_prompts(axes[0], frames)
    for axis, (name, values) in zip(axes[1:], curves.items(), strict=True):
        _plot_curve(axis, name, values, frames)
    for axis in axes:
        _plot_beats(axis, scene)
    axes[-1].set_xlim(frames[0].index, max(frames[-1].index, frames[0].index + 1))
    axes[-1].set_xlabel("frame")
    fps = scene.settings.video.fps
    seconds = axes[0].secondary_xaxis("top", functions=(lambda f: f / fps, lambda s: s * fps))
    seconds.set_xlabel(f"seconds at {fps:g} frames per second")
    try:
        figure.savefig(target, dpi=110)
    except OSError as error:
        raise RunError(f"{target}: cannot be written: {error.strerror}") from error


def varying_columns(frames: Sequence[Frame]) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the numeric columns of SECTIONS that change in the course of the film, by name; one value per frame."""
    tables = [flatten({name: whole[name] for name in PLOTTED_SECTIONS}) for whole in map(asdict, frames)]
    columns = {name: [table[name] for table in tables] for name in tables[0]}
    return {
        name: np.array(values, dtype=np.float64)
        for name, values in columns.items()
        if not isinstance(values[0], str) and len(set(values)) > 1
    }


def _plot_prompts(axis: Axes, frames: Sequence[Frame]) -> None:
    """Draw a band for each prompt, as long as it lasts, hatched where it blends into the next."""
    axis.set_yticks([])
    axis.set_ylabel("prompt", rotation=0, ha="right", va="center")
    begun = frames[0].index
    for stretch in prompt_bands([(frame.prompt.text, frame.prompt.weight) for frame in frames]):
        first, stop, text = begun + stretch.first, begun + stretch.stop, stretch.text
        axis.axvspan(first, stop, color=stretch.color, lw=0)
        if stretch.blend_start < stretch.stop:
            blends = begun + stretch.blend_start
            axis.axvspan(blends, stop, facecolor="none", edgecolor="white", hatch="////", lw=0)
        room = max(8, round(120 * (stop - first) / max(1, len(frames))))
        words = text if len(text) <= room else f"{text[: room - 1]}…"
        axis.text(
            first,
            0.5,
            f" {words}",
            transform=axis.get_xaxis_transform(),
            va="center",
            fontsize=8,
            clip_on=True,
        )


def _plot_curve(axis: Axes, name: str, values: Any, frames: Sequence[Frame]) -> None:
    index = [frame.index for frame in frames]
    axis.plot(index, values, color=LINE_COLOR, lw=1.2)
    if name.startswith("loras."):
        axis.fill_between(index, values, color=BAND_COLORS[0], lw=0)  # filled, so that the strength shows
    painted = [i for i, frame in enumerate(frames) if frame.diffuse]
    if len(painted) < len(frames) <= 600:  # more dots would merge into a bar
        axis.plot([index[i] for i in painted], values[painted], ".", color=PAINTED_COLOR, ms=3.5)
    axis.set_ylabel(name.replace(".", "\n", 1), rotation=0, ha="right", va="center", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.margins(y=0.15)
    axis.grid(visible=True, color="#e7e9ec", lw=0.6)
    axis.ticklabel_format(axis="y", useOffset=False)


def _plot_beats(axis: Axes, scene: Scene) -> None:
    """Draw beats as fine ticks along the lower edge, unless there are too many to be told apart."""
    ticks = scene_beat_frames(scene)
    if len(ticks) <= 400:
        axis.vlines(ticks, 0, 0.12, color=TICK_COLOR, lw=0.8, transform=axis.get_xaxis_transform())


MAX_POINTS = 1000  # points of a curve: more than a screen has pixels for

MAX_TICKS = 400  # painted frames that are marked: more could not be told apart

Floats = NDArray[np.float64]


def curves_svg(frames: Sequence[Frame]) -> str:
    """Return HTML with the prompts as bands, and the name, the range and the line of every curve that varies."""
    rows = [
        _bands_row(frames),
        *(_curve_row(name, values) for name, values in varying_columns(frames).items()),
    ]
    painted = [at for at, frame in enumerate(frames) if frame.diffuse]
    if len(painted) < len(frames) and len(painted) <= MAX_TICKS:
        rows.append(_ticks_row(painted, len(frames)))
    return f'<div class="curves">{"".join(rows)}</div>'


def _bands_row(frames: Sequence[Frame]) -> str:
    found = prompt_bands([(frame.prompt.text, frame.prompt.weight) for frame in frames])
    spans = "".join(
        f'<span title="{escape(one.text)}" style="background:{one.color};'
        f'width:{100 * (one.stop - one.first) / len(frames):.4f}%">{escape(one.text)}</span>'
        for one in found
    )
    return _html_row("prompt", "", f'<div class="bands">{spans}</div>')


def _curve_row(name: str, values: Floats) -> str:
    low, high = float(values.min()), float(values.max())
    at = np.array(pick_evenly(range(len(values)), MAX_POINTS))
    x = (at + 0.5) * 1000 / len(values)
    y = 31 - 28 * (values[at] - low) / (high - low)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    line = f'<polyline class="line" points="{points}"/>'
    return _html_row(name, f"{format_number(low)} … {format_number(high)}", _svg(line))


def _ticks_row(painted: Sequence[int], count: int) -> str:
    lines = "".join(
        f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="28"/>'
        for x in ((at + 0.5) * 1000 / count for at in painted)
    )
    return _html_row("painted", f"{len(painted)} of {count}", _svg(lines))


def _svg(content: str) -> str:
    return f'<svg viewBox="0 0 1000 34" preserveAspectRatio="none">{content}</svg>'


def _html_row(name: str, span: str, drawn: str) -> str:
    range_html = f"<br><small>{escape(span)}</small>" if span else ""
    value = f'<div class="value" data-name="{escape(name)}"></div>'
    return f'<div class="name">{escape(name)}{range_html}</div><div>{drawn}</div>{value}'


def format_number(value: float) -> str:
    """Return `value` with four significant digits."""
    return f"{value:.4g}"
