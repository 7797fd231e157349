"""HTML pages and fragments: the preview, a slider through frames, a wipe between two films, progress.

Pages need neither server nor kernel; videos and thumbnails are embedded, of limited total size. Values are escaped
for templates, as the text in schedule files is untrusted.
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
from typing import Any

import cv2

from animator.errors import RunError
from animator.frame import Frame, Image
from animator.runs.atomic import write_atomic
from animator.runs.cost import describe_cost, expected_seconds, format_duration, progress_labels
from animator.runs.metadata import frame_table
from animator.scene.scene import Scene
from animator.timeline.cadence import pick_evenly
from animator.timeline.compile import timeline
from animator.viewer.charts import curves_svg, varying_columns
from animator.viewer.overlay import settings_line
from animator.viewer.preview import PREVIEW_SIDE, write_preview

MAX_CHARACTERS = (
    1_500_000  # characters of all images in a view: a notebook of a dozen views stays below 20 MB
)

THUMBNAIL_WIDTH, MIN_THUMBNAIL_WIDTH = (
    320,
    48,
)  # pixels: width of a thumbnail, and the least width that is still readable

MAX_THUMBNAILS = 120  # frames: more could not be told apart on a slider

JPEG_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """Thumbnail of frame `index` as a JPEG file."""

    index: int
    jpeg: bytes

    @property
    def url(self) -> str:
        """Data URL of the image."""
        return data_url("image/jpeg", self.jpeg)


def encode_jpeg(image: Image, width: int, quality: int = JPEG_QUALITY) -> bytes:
    """Return `image` (RGB uint8) as a JPEG file of at most `width` pixels across."""
    share = min(1.0, width / image.shape[1])
    size = tuple(max(1, round(side * share)) for side in image.shape[1::-1])
    fitted = image if share == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", fitted[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def make_thumbnails(
    indices: Sequence[int],
    image: Callable[[int], Image],
    width: int = THUMBNAIL_WIDTH,
    count: int = MAX_THUMBNAILS,
    max_characters: int = MAX_CHARACTERS,
) -> list[Thumbnail]:
    """Return thumbnails of at most `count` of the frames `indices`, evenly chosen.

    Their data URLs have at most `max_characters` characters together: thumbnails become smaller until they fit, then
    fewer.
    """
    found = [Thumbnail(index, encode_jpeg(image(index), width)) for index in pick_evenly(indices, count)]
    while (size := sum(len(one.url) for one in found)) > max_characters and (
        width > MIN_THUMBNAIL_WIDTH or len(found) > 1
    ):
        if width > MIN_THUMBNAIL_WIDTH:
            width = max(MIN_THUMBNAIL_WIDTH, int(width * min(0.9, 0.95 * (max_characters / size) ** 0.5)))
            found = [Thumbnail(one.index, encode_jpeg(image(one.index), width)) for one in found]
        else:
            found = pick_evenly(found, max(1, int(len(found) * max_characters / size)))
    return found


_COUNTER = itertools.count(1)


def fill_template(name: str, **values: str) -> str:
    """Return the template `unique_id` with `values`, which must be HTML, in place of its `$names`."""
    text = files(__package__).joinpath("templates", name).read_text(encoding="utf8")
    return Template(text).substitute(values)


def full_page(title: str, body: str) -> str:
    """Return `preview_html` as a complete page, which may show what is embedded in it and fetch nothing."""
    return fill_template("page.html", title=escape(title), style=stylesheet(), body=body)


def fragment(body: str) -> str:
    """Return `preview_html` with its style sheet, as a part of another page such as a notebook."""
    return f"<style>{stylesheet()}</style>\n{body}"


def stylesheet() -> str:
    """Return the style sheet of all pages."""
    return files(__package__).joinpath("templates", "style.css").read_text(encoding="utf8")


def unique_id() -> str:
    """Return an element id that is unique on the page, within this process."""
    return f"animator-{next(_COUNTER)}-{id(_COUNTER):x}"


def script_json(value: Any) -> str:
    """Return `value` as JSON that is safe inside a script element: no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def data_url(kind: str, content: bytes) -> str:
    """Return `content`, of the media type `kind`, as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def player_html(
    title: str,
    facts: Sequence[str],
    frames: Sequence[Frame],
    rows: Sequence[dict[str, Any]],
    costs: Sequence[str],
    fps: float,
    video: bytes,
) -> str:
    """Return HTML that plays the MP4 `video_html` of `frames` and shows the settings of the current frame from `rows`.

    `facts`: sentences about the film, under its title. `rows`: the frame table. `costs`: the cost up to each
    frame.
    """
    return fill_template(
        "player.html",
        id=unique_id(),
        title=escape(title),
        facts="<br>".join(map(escape, facts)),
        video=data_url("video/mp4", video),
        curves=curves_svg(frames),
        film=script_json(_player_data(frames, rows, costs, fps)),
    )


def video_html(content: bytes) -> str:
    """Return HTML that plays the MP4 `content`."""
    shown = f'<video src="{data_url("video/mp4", content)}" controls loop muted autoplay></video>'
    return f'<div class="animator">{shown}</div>'


def _player_data(
    frames: Sequence[Frame], rows: Sequence[dict[str, Any]], spent: Sequence[str], fps: float
) -> dict[str, Any]:
    """Return the page's data about each frame, with every prompt text stored once."""
    texts: dict[str, int] = {}
    frame_rows = [
        {
            "text": texts.setdefault(row["prompt"]["text"], len(texts)),
            "next": texts.setdefault(row["prompt"]["next"], len(texts)),
            "weight": round(row["prompt"]["weight"], 4),
            "steps": row["steps_run"],
            "numbers": f"{settings_line(row)} · {come}",
        }
        for row, come in zip(rows, spent, strict=True)
    ]
    columns = {
        name: [float(f"{value:.6g}") for value in values] for name, values in varying_columns(frames).items()
    }
    first, count = frames[0].index, len(frames)
    return {
        "fps": fps,
        "first": first,
        "count": count,
        "rows": frame_rows,
        "texts": list(texts),
        "curves": columns,
    }


def write_page(
    scene: Scene, title: str, target: Path, side: int | None = PREVIEW_SIDE, overlay: bool = False
) -> Iterator[Frame]:
    """Write the preview of `scene` to the page `target`; yield each frame once it is drawn. Raises AnimatorError."""
    with tempfile.TemporaryDirectory(prefix="animator-") as room:
        video = Path(room, "preview.mp4")
        yield from write_preview(scene, video, side, overlay)
        page = full_page(title, preview_html(scene, title, video.read_bytes()))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, page.encode("utf8"))
    except OSError as error:
        raise RunError(f"{target}: cannot be written: {error.strerror}") from error


def preview_html(scene: Scene, title: str, video: bytes) -> str:
    """Return the page's HTML: facts, player and curves of `scene`, whose preview is the MP4 `video_html`."""
    frames = timeline(scene)
    table = frame_table(scene, frames)
    facts = [film_summary(scene), describe_cost(scene, table)]
    costs = progress_labels(table, expected_seconds(scene, table))
    return player_html(title, facts, frames, table, costs, scene.settings.video.fps, video)


def film_summary(scene: Scene) -> str:
    """Return one line about a film: frames, painted frames, length, size, model."""
    frames, fps = timeline(scene), scene.settings.video.fps
    painted = sum(frame.diffuse for frame in frames)
    size = f"{scene.size.width}x{scene.size.height}"
    model = Path(scene.settings.model.base).name
    length = f"{len(frames) / fps:.4g} s at {fps:g} frames per second"
    return f"{len(frames)} frames, {painted} painted, {length}, {size}, {model}"


PLAY_MILLISECONDS = 1000 / 12  # milliseconds per frame during playback


def slider_html(images: Sequence[Thumbnail], texts_by_frame: Mapping[int, str]) -> str:
    """Return HTML with a slider through `images`; `texts_by_frame` is a text for each frame, by index."""
    texts: dict[str, int] = {}
    frames = [
        {
            "frame": one.index,
            "src": one.url,
            "text": texts.setdefault(texts_by_frame.get(one.index, ""), len(texts)),
        }
        for one in images
    ]
    return fill_template(
        "scrub.html",
        id=unique_id(),
        image=images[0].url,
        first=str(images[0].index),
        last=str(len(images) - 1),
        now=escape(texts_by_frame.get(images[0].index, "")),
        shown=script_json({"frames": frames, "texts": list(texts), "pause": PLAY_MILLISECONDS}),
    )


def compare_html(before: Sequence[Thumbnail], after: Sequence[Thumbnail], names: tuple[str, str]) -> str:
    """Return HTML that wipes between equal frames of two films, `before` and `after`, called `names`."""
    pairs = [
        {"frame": one.index, "above": one.url, "below": other.url}
        for one, other in zip(before, after, strict=True)
    ]
    return fill_template(
        "compare.html",
        id=unique_id(),
        before=escape(names[0]),
        after=escape(names[1]),
        above=before[-1].url,  # the last frames differ most
        below=after[-1].url,
        frame=str(before[-1].index),
        last=str(len(pairs) - 1),
        shown=script_json(pairs),
    )


def progress_html(done: int, total: int, painted: int, pace: float, jpeg: bytes | None) -> str:
    """Return HTML for `done` of `total` frames (0: unknown), `painted` of them painted, at `pace` seconds each.

    `encode_jpeg`: the latest frame; None while the model is being loaded.
    """
    if jpeg is None:
        return '<div class="animator"><p class="told">loading the model</p></div>'
    words = [f"{done} of {total} frames" if total else f"{done} frames"]
    words += [f"{painted} painted, {done - painted} in-between", f"{pace:.2f} s per frame"]
    if done < total:
        words.append(f"{format_duration(pace * (total - done))} left")
    bar = f'<div class="progress"><div style="width:{100 * done / total:.1f}%"></div></div>' if total else ""
    image = f'<img alt="the latest frame" src="{data_url("image/jpeg", jpeg)}">'
    return f'<div class="animator">{bar}<p class="told">{" · ".join(words)}</p>{image}</div>'
