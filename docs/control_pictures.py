"""Paint the images of control.md: python docs/control_pictures.py [CONTROLNET [IP-ADAPTER]].

control.jpg: hint images of ControlNets. With the folders that `python -m nanolab.train control` and `likeness`
write, also images painted with them: control-scales.jpg and likeness.jpg.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from animator import animate, loads
from animator.frame import Frame, Image, Mask
from animator.imaging.io import open_image
from animator.models.painter import NO_HINTS, Hints, Painter

HERE = Path(__file__).parent
FILM = """
video: {frames: 25}
prompts: {at: "photo of a red kettle, white background"}
painting: {steps: 20, seed: 2}
motion: {zoom: 1.012, angle: 1.5, depth: proxy}
control:
  edges: {model: some/net, hint: canny, thresholds: [60, 140]}
  near: {model: some/net, hint: depth}
  sketch: {model: some/net, hint: canny, file: ../schedules/pictures/bottle_sketch.png, thresholds: [60, 140]}
"""


STILL = """
video: {{frames: 1}}
prompts: {{at: "{words}"}}
painting: {{steps: 20, guidance_scale: 2, seed: {seed}}}
"""
CONTROL = "control: {{edges: {{model: {folder}, hint: canny, file: {file}, scale: {scale}, thresholds: [60, 140]}}}}"
LIKE = "ip_adapter: {{mood: {{model: {folder}, file: {file}, scale: {scale}}}}}"


def painted(extra: str, words: str, seed: int) -> Image:
    return next(animate(loads(STILL.format(words=words, seed=seed) + extra, HERE)))[1].shown


def rows_of(extra: str, folder: Path, shown: list[tuple[Path, str, int]], scales: list[float]) -> np.ndarray:
    """Return one row per guiding image: the image, then images painted with it at growing scales."""
    rows = []
    for file, words, seed in shown:
        with open_image(file) as opened:
            row = [np.asarray(opened.convert("RGB").resize((256, 256)))]
        for scale in scales:
            row.append(painted(extra.format(folder=folder.resolve(), file=file, scale=scale), words, seed))
        rows.append(np.hstack(row))
    return np.vstack(rows)


def saved(image: np.ndarray, name: str) -> None:
    Pillow.fromarray(image).save(HERE / name, quality=85, subsampling=0)


class Shown(Painter):
    """A painter that records its hint images."""

    capabilities = frozenset({"hints"})

    def __init__(self, first: Image) -> None:
        self.first, self.hints = first, {}

    def paint(
        self, frame: Frame, start: Image | None, *, mask: Mask | None = None, hints: Hints = NO_HINTS
    ) -> Image:
        assert mask is None
        self.hints[frame.index] = hints
        return self.first if start is None else start


if __name__ == "__main__":
    plain = loads(FILM.partition("control:")[0].replace("25", "1"), HERE)
    painting = next(animate(plain))[1].shown
    scene = loads(FILM, HERE)
    painter = Shown(painting)
    list(animate(scene, paint=painter))
    last = painter.hints[24]
    row = [
        painting,
        painter.hints[1]["edges"],
        painter.hints[1]["near"],
        painter.hints[0]["sketch"],
        last["sketch"],
    ]
    saved(np.hstack(row), "control.jpg")
    room = HERE.parent / "schedules" / "pictures"
    if len(sys.argv) > 1:
        shown = [
            (
                room / "chair_photo.png",
                "marker rendering of a red chair, three-quarter view, grey background",
                1,
            ),
            (room / "mug.png", "studio photo of a teal mug, sunset background", 2),
        ]
        saved(rows_of(CONTROL, Path(sys.argv[1]), shown, [0, 0.35, 0.7, 1]), "control-scales.jpg")
    if len(sys.argv) > 2:
        shown = [
            (room / "chair_photo.png", "studio photo of a teal mug, three-quarter view", 5),
            (room / "bottle_night.png", "studio photo of a red speaker, front view", 4),
        ]
        saved(rows_of(LIKE, Path(sys.argv[2]), shown, [0, 0.35, 0.7, 1]), "likeness.jpg")
