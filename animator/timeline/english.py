"""Descriptions of a film's motion in English, one sentence per segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import log, prod

from animator.frame import Frame, Motion
from animator.imaging.geometry import SPATIAL

# Less than this over a segment is not visible: ratio, degrees, pixels.
STILL_ZOOM, STILL_ANGLE, STILL_PLACE = 0.002, 0.05, 0.5

IN_SPACE = {
    "translation_z": (STILL_PLACE, "comes {:.0f} pixels nearer", "goes {:.0f} pixels away"),
    "rotation_3d_x": (STILL_ANGLE, "tilts {:.1f} degrees down", "tilts {:.1f} degrees up"),
    "rotation_3d_y": (STILL_ANGLE, "pans {:.1f} degrees left", "pans {:.1f} degrees right"),
    "rotation_3d_z": (
        STILL_ANGLE,
        "rolls {:.1f} degrees counter-clockwise",
        "rolls {:.1f} degrees clockwise",
    ),
    "orbit_x": (STILL_ANGLE, "is seen from {:.1f} degrees higher", "is seen from {:.1f} degrees lower"),
    "orbit_y": (
        STILL_ANGLE,
        "is seen from {:.1f} degrees further right",
        "is seen from {:.1f} degrees further left",
    ),
}


def sentences(frames: Sequence[Frame], fps: float) -> Iterator[str]:
    """Yield a sentence per segment of one prompt and direction of motion: times, motion, painted frames, prompt."""
    for stretch in _stretches(frames):
        text = stretch[0].prompt.text
        first, last = stretch[0].index, stretch[-1].index
        moves = _moves([frame.motion for frame in stretch])
        painted = sum(frame.diffuse for frame in stretch)
        seconds = f"{first / fps:.2f}-{(last + 1) / fps:.2f} s (frames {first}-{last})"
        yield f"{seconds}: {moves}; {painted} of {len(stretch)} frames painted: {text or 'no prompt'}."


def _stretches(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Return segments of one prompt and one direction of motion; a single frame joins the segment before it."""
    groups = groupby(frames, key=lambda frame: (frame.prompt.text, _way(frame.motion)))
    stretches: list[list[Frame]] = []
    for _, group in groups:
        stretch = list(group)
        last = stretches[-1] if stretches else []
        if last and last[-1].prompt.text == stretch[0].prompt.text and 1 in (len(last), len(stretch)):
            last.extend(stretch)
        else:
            stretches.append(stretch)
    return stretches


def _way(motion: Motion) -> tuple[int, ...]:
    """Return the sign (-1, 0, 1) of each component of a motion, equal for all frames of a segment."""
    names = ("angle", "translation_x", "translation_y", *SPATIAL)
    values = (log(motion.zoom), *(getattr(motion, name) for name in names))
    return tuple((value > 1e-9) - (value < -1e-9) for value in values)


def _moves(motions: Sequence[Motion]) -> str:
    """Describe the sum of `motions`, e.g. `the image pushes in to 1.13 times and rises 48 pixels`."""
    zoom = prod(motion.zoom for motion in motions)
    angle = sum(motion.angle for motion in motions)
    right, down = (
        sum(getattr(motion, name) for motion in motions) for name in ("translation_x", "translation_y")
    )
    parts = []
    if abs(zoom - 1) > STILL_ZOOM:
        parts.append(f"pushes in to {zoom:.2f} times" if zoom > 1 else f"pulls out to {zoom:.2f} times")
    if abs(angle) > STILL_ANGLE:
        parts.append(f"turns {abs(angle):.1f} degrees {'counter-clockwise' if angle > 0 else 'clockwise'}")
    if abs(right) > STILL_PLACE:
        parts.append(f"slides {abs(right):.0f} pixels {'right' if right > 0 else 'left'}")
    if abs(down) > STILL_PLACE:
        parts.append(f"{'sinks' if down > 0 else 'rises'} {abs(down):.0f} pixels")
    for name, (still, more, less) in IN_SPACE.items():
        total = sum(getattr(motion, name) for motion in motions)
        if abs(total) > still:
            parts.append((more if total > 0 else less).format(abs(total)))
    if not parts:
        return "the image stands still"
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"the image {listed}"
