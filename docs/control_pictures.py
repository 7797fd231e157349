"""Paint the picture of control.md, what ControlNets are shown: python docs/control_pictures.py."""

from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from animator import animate, loads
from animator.frame import Frame, Image, Mask

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


class Shown:
    """A painter that keeps what it is shown."""

    def __init__(self, first: Image) -> None:
        self.first, self.hints = first, {}

    def __call__(self, frame: Frame, start: Image | None) -> Image:
        return self.hinted(frame, start, {})

    def hinted(
        self, frame: Frame, start: Image | None, hints: dict[str, Image], mask: Mask | None = None
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
    Pictures.fromarray(np.hstack(row)).save(HERE / "control.jpg", quality=85, subsampling=0)
