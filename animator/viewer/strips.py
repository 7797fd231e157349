"""A slider through frames, and a wipe between two films: HTML that needs neither kernel nor server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from animator.viewer.fill import data, filled, name
from animator.viewer.html import Small

PAUSE = 1000 / 12  # milliseconds per frame during playback


def scrub(pictures: Sequence[Small], told: Mapping[int, str]) -> str:
    """Return HTML with a slider through `pictures`; `told` is a text for each frame, by index."""
    texts: dict[str, int] = {}
    frames = [
        {
            "frame": one.index,
            "src": one.address,
            "text": texts.setdefault(told.get(one.index, ""), len(texts)),
        }
        for one in pictures
    ]
    return filled(
        "scrub.html",
        id=name(),
        picture=pictures[0].address,
        first=str(pictures[0].index),
        last=str(len(pictures) - 1),
        now=escape(told.get(pictures[0].index, "")),
        shown=data({"frames": frames, "texts": list(texts), "pause": PAUSE}),
    )


def compare(before: Sequence[Small], after: Sequence[Small], names: tuple[str, str]) -> str:
    """Return HTML that wipes between equal frames of two films, `before` and `after`, called `names`."""
    pairs = [
        {"frame": one.index, "above": one.address, "below": other.address}
        for one, other in zip(before, after, strict=True)
    ]
    return filled(
        "compare.html",
        id=name(),
        before=escape(names[0]),
        after=escape(names[1]),
        above=before[-1].address,  # the last frames differ most
        below=after[-1].address,
        frame=str(before[-1].index),
        last=str(len(pairs) - 1),
        shown=data(pairs),
    )
