"""The preview in a browser: the video, the settings of the current frame, and the film's curves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from animator.frame import Frame
from animator.viewer.charts import varying
from animator.viewer.curves import curves
from animator.viewer.fill import data, filled, link, name
from animator.viewer.overlay import numbers


def player(
    title: str,
    told: Sequence[str],
    frames: Sequence[Frame],
    rows: Sequence[dict[str, Any]],
    spent: Sequence[str],
    fps: float,
    video: bytes,
) -> str:
    """Return HTML that plays the MP4 `video` of `frames` and shows the settings of the current frame from `rows`.

    `told`: sentences about the film, under its title. `rows`: the frame table. `spent`: the cost up to each
    frame.
    """
    return filled(
        "player.html",
        id=name(),
        title=escape(title),
        told="<br>".join(map(escape, told)),
        video=link("video/mp4", video),
        curves=curves(frames),
        film=data(_film(frames, rows, spent, fps)),
    )


def video(content: bytes) -> str:
    """Return HTML that plays the MP4 `content`."""
    shown = f'<video src="{link("video/mp4", content)}" controls loop muted autoplay></video>'
    return f'<div class="animator">{shown}</div>'


def _film(
    frames: Sequence[Frame], rows: Sequence[dict[str, Any]], spent: Sequence[str], fps: float
) -> dict[str, Any]:
    """Return the page's data about each frame, with every prompt text stored once."""
    texts: dict[str, int] = {}
    told = [
        {
            "text": texts.setdefault(row["prompt"]["text"], len(texts)),
            "next": texts.setdefault(row["prompt"]["next"], len(texts)),
            "weight": round(row["prompt"]["weight"], 4),
            "steps": row["steps_run"],
            "numbers": f"{numbers(row)} · {come}",
        }
        for row, come in zip(rows, spent, strict=True)
    ]
    columns = {name: [float(f"{value:.6g}") for value in values] for name, values in varying(frames).items()}
    first, count = frames[0].index, len(frames)
    return {"fps": fps, "first": first, "count": count, "rows": told, "texts": list(texts), "curves": columns}
