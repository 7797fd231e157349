"""Thumbnails for pages: JPEG files of a limited total size.

Page templates, and the escaping of values for them: the text in schedule files is untrusted.

The preview in a browser: the video, the settings of the current frame, and the film's curves.

The preview as one self-contained HTML page, with the video embedded.

A slider through frames, and a wipe between two films: HTML that needs neither kernel nor server.

Progress of a film while it is painted: a bar, counts, and the latest frame.
"""

from __future__ import annotations

import base64
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, TypeVar

import cv2
import numpy as np

from animator.errors import RunError
from animator.frame import Frame, Image
from animator.runs.atomic import write_whole
from animator.runs.cost import about, expected, spent, told
from animator.runs.metadata import rows
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.viewer.charts import curves, varying
from animator.viewer.overlay import numbers
from animator.viewer.preview import SIDE, record

MOST = 1_500_000  # characters of all images in a view: a notebook of a dozen views stays below 20 MB

WIDTH, LEAST = 320, 48  # pixels: width of a thumbnail, and the least width that is still readable

COUNT = 120  # frames: more could not be told apart on a slider

QUALITY = 80


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Small:
    """Thumbnail of frame `index` as a JPEG file."""

    index: int
    jpeg: bytes

    @property
    def address(self) -> str:
        """Data URL of the image."""
        return link("image/jpeg", self.jpeg)


def jpeg(image: Image, width: int, quality: int = QUALITY) -> bytes:
    """Return `image` (RGB uint8) as a JPEG file of at most `width` pixels across."""
    share = min(1.0, width / image.shape[1])
    size = tuple(max(1, round(side * share)) for side in image.shape[1::-1])
    fitted = image if share == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", fitted[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def small(
    indices: Sequence[int],
    picture: Callable[[int], Image],
    width: int = WIDTH,
    count: int = COUNT,
    most: int = MOST,
) -> list[Small]:
    """Return thumbnails of at most `count` of the frames `indices`, evenly chosen.

    Their data URLs have at most `most` characters together: thumbnails become smaller until they fit, then
    fewer.
    """
    found = [Small(index, jpeg(picture(index), width)) for index in evenly(indices, count)]
    while (size := sum(len(one.address) for one in found)) > most and (width > LEAST or len(found) > 1):
        if width > LEAST:
            width = max(LEAST, int(width * min(0.9, 0.95 * (most / size) ** 0.5)))
            found = [Small(one.index, jpeg(picture(one.index), width)) for one in found]
        else:
            found = evenly(found, max(1, int(len(found) * most / size)))
    return found


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """Return at most `count` of `items`, evenly chosen, the first and the last among them."""
    count = min(count, len(items))
    return [items[at] for at in np.linspace(0, len(items) - 1, count).astype(int)]


_COUNTER = itertools.count(1)


def filled(name: str, **values: str) -> str:
    """Return the template `name` with `values`, which must be HTML, in place of its `$names`."""
    text = files(__package__).joinpath("templates", name).read_text(encoding="utf8")
    return Template(text).substitute(values)


def whole(title: str, body: str) -> str:
    """Return `body` as a complete page, which may show what is embedded in it and fetch nothing."""
    return filled("whole.html", title=escape(title), style=style(), body=body)


def fragment(body: str) -> str:
    """Return `body` with its style sheet, as a part of another page such as a notebook."""
    return f"<style>{style()}</style>\n{body}"


def style() -> str:
    """Return the style sheet of all pages."""
    return files(__package__).joinpath("templates", "style.css").read_text(encoding="utf8")


def name() -> str:
    """Return an element id that is unique on the page, within this process."""
    return f"animator-{next(_COUNTER)}-{id(_COUNTER):x}"


def data(value: Any) -> str:
    """Return `value` as JSON that is safe inside a script element: no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def link(kind: str, content: bytes) -> str:
    """Return `content`, of the media type `kind`, as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


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


def write(
    scene: Scene, title: str, target: Path, side: int | None = SIDE, overlay: bool = False
) -> Iterator[Frame]:
    """Write the preview of `scene` to the page `target`; yield each frame once it is drawn. Raises AnimatorError."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        video = Path(room, "preview.mp4")
        yield from record(scene, video, side, overlay)
        page = whole(title, body(scene, title, video.read_bytes()))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, page.encode("utf8"))
    except OSError as error:
        raise RunError(f"{target}: cannot be written: {error.strerror}") from error


def body(scene: Scene, title: str, video: bytes) -> str:
    """Return the page's HTML: facts, player and curves of `scene`, whose preview is the MP4 `video`."""
    frames = timeline(scene)
    table = rows(scene, frames)
    told_of = [summary(scene), told(scene, table)]
    costs = spent(table, expected(scene, table))
    return player(title, told_of, frames, table, costs, scene.settings.video.fps, video)


def summary(scene: Scene) -> str:
    """Return one line about a film: frames, painted frames, length, size, model."""
    frames, fps = timeline(scene), scene.settings.video.fps
    painted = sum(frame.diffuse for frame in frames)
    size = f"{scene.size.width}x{scene.size.height}"
    model = Path(scene.settings.model.base).name
    length = f"{len(frames) / fps:.4g} s at {fps:g} frames per second"
    return f"{len(frames)} frames, {painted} painted, {length}, {size}, {model}"


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


def live(done: int, total: int, painted: int, pace: float, jpeg: bytes | None) -> str:
    """Return HTML for `done` of `total` frames (0: unknown), `painted` of them painted, at `pace` seconds each.

    `jpeg`: the latest frame; None while the model is being loaded.
    """
    if jpeg is None:
        return '<div class="animator"><p class="told">loading the model</p></div>'
    words = [f"{done} of {total} frames" if total else f"{done} frames"]
    words += [f"{painted} painted, {done - painted} in-between", f"{pace:.2f} s per frame"]
    if done < total:
        words.append(f"{about(pace * (total - done))} left")
    bar = f'<div class="progress"><div style="width:{100 * done / total:.1f}%"></div></div>' if total else ""
    picture = f'<img alt="the latest frame" src="{link("image/jpeg", jpeg)}">'
    return f'<div class="animator">{bar}<p class="told">{" · ".join(words)}</p>{picture}</div>'
