"""A film's prompts and curves as HTML and SVG, without scripts or libraries."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from animator.frame import Frame
from animator.viewer.charts import varying
from animator.viewer.stretches import stretches

POINTS = 1000  # points of a curve: more than a screen has pixels for
TICKS = 400  # painted frames that are marked: more could not be told apart
Floats = NDArray[np.float64]


def curves(frames: Sequence[Frame]) -> str:
    """Return HTML with the prompts as bands, and the name, the range and the line of every curve that varies."""
    rows = [_bands(frames), *(_curve(name, values) for name, values in varying(frames).items())]
    painted = [at for at, frame in enumerate(frames) if frame.diffuse]
    if len(painted) < len(frames) and len(painted) <= TICKS:
        rows.append(_ticks(painted, len(frames)))
    return f'<div class="curves">{"".join(rows)}</div>'


def _bands(frames: Sequence[Frame]) -> str:
    found = stretches([(frame.prompt.text, frame.prompt.weight) for frame in frames])
    spans = "".join(
        f'<span title="{escape(one.text)}" style="background:{one.color};'
        f'width:{100 * (one.stop - one.first) / len(frames):.4f}%">{escape(one.text)}</span>'
        for one in found
    )
    return _row("prompt", "", f'<div class="bands">{spans}</div>')


def _curve(name: str, values: Floats) -> str:
    low, high = float(values.min()), float(values.max())
    at = np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).astype(int))
    x = (at + 0.5) * 1000 / len(values)
    y = 31 - 28 * (values[at] - low) / (high - low)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    line = f'<polyline class="line" points="{points}"/>'
    return _row(name, f"{number(low)} … {number(high)}", _drawing(line))


def _ticks(painted: Sequence[int], count: int) -> str:
    lines = "".join(
        f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="28"/>'
        for x in ((at + 0.5) * 1000 / count for at in painted)
    )
    return _row("painted", f"{len(painted)} of {count}", _drawing(lines))


def _drawing(content: str) -> str:
    return f'<svg viewBox="0 0 1000 34" preserveAspectRatio="none">{content}</svg>'


def _row(name: str, span: str, drawn: str) -> str:
    told = f"<br><small>{escape(span)}</small>" if span else ""
    value = f'<div class="value" data-name="{escape(name)}"></div>'
    return f'<div class="name">{escape(name)}{told}</div><div>{drawn}</div>{value}'


def number(value: float) -> str:
    """Return `value` with four significant digits."""
    return f"{value:.4g}"
