"""Frames to slide through, and two films to wipe between: pages that need neither kernel nor server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from animator.viewer.fill import data, filled, name
from animator.viewer.html import Small

PAUSE = 1000 / 12  # milliseconds between pictures that play by themselves


def scrub(pictures: Sequence[Small], told: Mapping[int, str]) -> str:
    """HTML with a slider through `pictures`; `told` says something of frames, by index."""
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
    """HTML that wipes from the pictures `before` to those of the same frames in `after`; `names` are the films'."""
    pairs = [
        {"frame": one.index, "above": one.address, "below": other.address}
        for one, other in zip(before, after, strict=True)
    ]
    return filled(
        "compare.html",
        id=name(),
        before=escape(names[0]),
        after=escape(names[1]),
        above=before[-1].address,  # films differ more and more
        below=after[-1].address,
        frame=str(before[-1].index),
        last=str(len(pairs) - 1),
        shown=data(pairs),
    )
