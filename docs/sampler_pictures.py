"""Paint the images of samplers.md and speed.md in about a minute: `python docs/sampler_pictures.py`."""

from pathlib import Path

import numpy as np
from PIL import Image

from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Frame, Painting, Prompt
from animator.models import nano

HERE = Path(__file__).parent
SIDE, SHOWN = 256, 160  # pixels painted, and in the sheet
WORDS = "studio photo of a red mug, white background"


def frame(**painting: object) -> Frame:
    given = {"steps": 8, "guidance_scale": 2.5, **painting}
    return Frame(0, 5, Prompt(WORDS, next=WORDS), painting=Painting(**given))  # type: ignore[arg-type]


def sheet(rows: list[list[np.ndarray]], file: Path) -> None:
    small = [[np.asarray(Image.fromarray(one).resize((SHOWN, SHOWN))) for one in row] for row in rows]
    Image.fromarray(np.vstack([np.hstack(row) for row in small])).save(file, quality=88)


def samplers() -> None:
    """Return a drawing painted over, by sampler and strength."""
    painter = SDXLPainter(CheckpointSpec(str(nano.weights_folder())), SIDE, SIDE, {})
    words = "pencil sketch of a blue mug, white paper"
    start = painter.paint(
        Frame(0, 3, Prompt(words, next=words), painting=Painting(steps=12, guidance_scale=2.5)), None
    )
    rows = [
        [
            start,
            *(
                painter.paint(frame(sampler=name, strength=strength), start)
                for strength in (0.3, 0.4, 0.5, 0.6, 0.7)
            ),
        ]
        for name in ("Euler", "Euler a", "DPM++ 2M Karras", "DDIM SGM Uniform")
    ]
    sheet(rows, HERE / "samplers.jpg")


def tiled() -> None:
    """Return a painted image beside its copy: without tiling, and with tiling."""
    rows = []
    for tiling in ("none", "both"):
        painter = SDXLPainter(CheckpointSpec(str(nano.weights_folder()), tiling=tiling), SIDE, SIDE, {})
        rows += [[painter.paint(frame(steps=12), None)] * 3] * 2
    sheet([left + right for left, right in zip(rows[:2], rows[2:], strict=True)], HERE / "tiling.jpg")


if __name__ == "__main__":
    samplers()
    tiled()
