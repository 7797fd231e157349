"""The preview as one self-contained HTML page, with the video embedded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from animator.errors import RunError
from animator.frame import Frame
from animator.runs.atomic import write_whole
from animator.runs.bench import expected, told
from animator.runs.cost import spent
from animator.runs.render import rows
from animator.scene.scene import Scene
from animator.timeline.compile import timeline
from animator.viewer.fill import whole
from animator.viewer.player import player
from animator.viewer.preview import SIDE, record


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
