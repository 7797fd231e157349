"""HTML cards of scenes and runs: facts about a film, its curves, and thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from animator.frame import Image
from animator.runs.bench import told
from animator.runs.render import rows
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.viewer.curves import curves
from animator.viewer.html import Small, small
from animator.viewer.preview import captioned, draft
from animator.viewer.stretches import stretches
from animator.viewer.write import summary

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
