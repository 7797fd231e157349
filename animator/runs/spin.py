"""A page on which a product turns under the finger, the mouse or the arrow keys: one HTML file with all its views."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from animator.errors import RunError
from animator.runs.atomic import write_atomic
from animator.runs.gif_webp import FrameSequence, format_bytes
from animator.runs.subtitles import plain_prompt

if TYPE_CHECKING:
    from animator.runs.deliverables import DeliverableSpec

MAX_PAGE_BYTES = 6_000_000  # a page loads in a few seconds on a telephone

WEBP_QUALITY = {"draft": 60, "good": 82, "best": 92}

MIN_SIDE = 64  # pixels: views are not made smaller to fit

TURN_SECONDS = 12.0  # of the turn that the page begins with

MAX_TITLE = 80  # characters

LARGEST = 2  # times its own size, up to which a view is enlarged to fill the window

EDGE_WIDTH, EDGE_COLORS = 3, 9  # pixels; colours of the picture's edge that the page around it continues

PAGE_BYTES, TAG_BYTES = 12_000, 120  # at most: the page without its views, and a view's tag without its data

TRIALS = 6  # views encoded first, to estimate the size of all


def write_spin(edition: DeliverableSpec, target: Path) -> str:
    """Write the page as `target`; return a line with the number, the size and the bytes of its views.

    Raises RunError for a film of one frame, or if its views cannot be made small enough.
    """
    assert edition.turn is not None
    if len(edition.turn.frames) < 2:
        raise RunError("a spin page needs at least two frames")
    reel = edition.reel.with_frames(edition.turn.frames)
    limit = None if edition.max_bytes is None else min(edition.max_bytes, MAX_PAGE_BYTES)
    views, shown = _fit_views(reel, WEBP_QUALITY[edition.quality], limit)
    page = _spin_page(edition, views, shown).encode("utf8", "replace")
    write_atomic(target, page)
    summary = f"{len(views)} views of {shown.width}x{shown.height}, {format_bytes(len(page))}"
    if limit is None or shown.width == reel.width:
        return summary
    return f"{summary} (at most {format_bytes(limit)}; the film has {reel.width}x{reel.height})"


def _fit_views(reel: FrameSequence, quality: int, limit: int | None) -> tuple[list[bytes], FrameSequence]:
    """Return the views as WebP files that take at most `limit` bytes in a page, and the reel they were made from."""
    scale, tried = 1.0, reel
    sample = reel.order[:: max(1, len(reel) // TRIALS)]
    while True:
        for order in (sample, reel.order):  # a sample shows quickly that the whole is too large
            views = [_encode_webp(tried.read_image(index), quality) for index in order]
            size = len(reel) * (TAG_BYTES + 4 / 3 * sum(map(len, views)) / len(views))
            if limit is not None and size > limit - PAGE_BYTES:
                break
        else:
            return views, tried
        scale *= min(0.9, (max(0, limit - PAGE_BYTES) / size) ** 0.5)
        tried = reel.scaled_by(scale)
        if min(tried.width, tried.height) < MIN_SIDE:
            raise RunError(f"{len(reel)} views take more than {format_bytes(limit)}; raise output.max_size")


def _encode_webp(image: np.ndarray, quality: int) -> bytes:
    data = io.BytesIO()
    Pillow.fromarray(image).save(data, "WEBP", quality=quality, method=4)
    return data.getvalue()


def _spin_page(edition: DeliverableSpec, views: Sequence[bytes], reel: FrameSequence) -> str:
    """Return the page, which may run its own script and show its own images, and fetch nothing."""
    turn = edition.turn
    assert turn is not None
    forward = -1 if turn.turns_left else 1  # dragging to the right turns the front to the right
    first = 0 if turn.is_full or forward > 0 else len(views) - 1
    edge = _edge_colors(reel.read_image(reel.order[0]))
    style = Template(_template("spin.css")).substitute(
        paper=edge[0],
        paint=", ".join(_color_stop(color, at / (len(edge) - 1)) for at, color in enumerate(edge)),
        width=str(reel.width),
        height=str(reel.height),
        widest=str(LARGEST * reel.width),
        highest=str(LARGEST * reel.height),
    )
    script = _template("spin.js")
    title = _title(edition)
    return Template(_template("spin.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'",
        paper=edge[0],
        title=escape(title),
        style=style,
        script=script,
        images="\n".join(_image_tag(view, at, reel, title) for at, view in enumerate(views)),
        width=str(reel.width),
        height=str(reel.height),
        last=str(len(views) - 1),
        now=str(first),
        spoken="0 degrees" if turn.is_full else f"view {first + 1} of {len(views)}",
        full="yes" if turn.is_full else "no",
        forward=str(forward),
        seconds=f"{TURN_SECONDS if turn.is_full else max(3.0, edition.reel.seconds):g}",
    )


def _title(edition: DeliverableSpec) -> str:
    """Return the prompt of the first view as the page's title, or else the name of the run's folder."""
    assert edition.turn is not None
    text = plain_prompt((edition.prompts or {}).get(edition.turn.frames[0], "")) or edition.run.folder.name
    return text if len(text) <= MAX_TITLE else f"{text[:MAX_TITLE].rsplit(' ', 1)[0]} …"


def _image_tag(view: bytes, at: int, reel: FrameSequence, title: str) -> str:
    """Return one view; the first one is seen until all are decoded, and without scripts."""
    alt, hidden = (escape(title), "") if at == 0 else ("", " hidden")
    data = b64encode(view).decode("ascii")
    size = f'width="{reel.width}" height="{reel.height}"'
    return f'<img alt="{alt}" {size}{hidden} src="data:image/webp;base64,{data}">'


def _edge_colors(image: np.ndarray) -> list[str]:
    """Return the colours of the image's left and right edges, as CSS, from its top to its bottom."""
    edge = np.concatenate([image[:, :EDGE_WIDTH], image[:, -EDGE_WIDTH:]], axis=1)[..., :3]
    rows = np.median(edge, axis=1)
    places = np.linspace(0, len(rows) - 1, EDGE_COLORS).round().astype(int)
    return ["#" + bytes(rows[at].astype(np.uint8).tolist()).hex() for at in places]


def _color_stop(color: str, share: float) -> str:
    """Return the stop of a gradient over the window that goes on beside a picture in its middle."""
    return f"{color} calc(50% + var(--high) * {share - 0.5:g})"


def _digest(text: str) -> str:
    """Return the hash by which a Content-Security-Policy names an inline style or script."""
    return f"sha256-{b64encode(sha256(text.encode('utf8')).digest()).decode('ascii')}"


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf8")
