"""Paint the sheet of docs/stills.md with the bundled model: `python docs/still_pictures.py`."""

import io
from pathlib import Path

from PIL import Image as Pictures

from animator import loads
from animator.render.pipeline import painter
from animator.runs.sheets import grid
from animator.runs.stills import Axis, laid_out, stills, take, varied

HERE = Path(__file__).parent
FILM = """
video: {frames: 1}
start: {image: schedules/pictures/bottle_sketch.png}
prompts: {negative: blurry}
painting: {steps: 16, guidance_scale: 2.5}
"""
AXES = [
    Axis("prompt", ("colour marker rendering of a teal bottle", "studio photo of an orange bottle")),
    Axis("strength", (0.3, 0.5, 0.7)),
    Axis("seed", (1, 2, 3, 4, 5)),
]


def main() -> None:
    scene, plan = loads(FILM, HERE.parent), laid_out(AXES)
    takes = [take(varied(scene, cell), 0) for row in plan.cells() for cell in row]
    painted = {number: still.image for number, still in stills(takes, painter(scene), at_once=5)}
    wide = len(plan.columns.values)
    rows = [range(at, at + wide) for at in range(0, len(takes), wide)]
    sheet = grid(
        [[painted[number] for number in row] for row in rows],
        plan.column_labels(),
        plan.row_labels(),
        [[f"{number + 1:03d}" for number in row] for row in rows],
    )
    data = io.BytesIO()
    small = Pictures.fromarray(sheet).resize(
        (sheet.shape[1] // 2, sheet.shape[0] // 2), Pictures.Resampling.LANCZOS
    )
    small.save(data, "JPEG", quality=85)
    (HERE / "stills.jpg").write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
