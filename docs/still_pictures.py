"""Paint the sheet of docs/stills.md with the bundled model: `python docs/still_pictures.py`."""

import io
from pathlib import Path

from PIL import Image as Pillow

from animator import loads
from animator.render.pipeline import load_painter
from animator.runs.sheets import labelled_grid
from animator.runs.stills import paint_stills, plan_still
from animator.runs.variants import VariantAxis, plan_grid, with_values

HERE = Path(__file__).parent
FILM = """
video: {frames: 1}
start: {image: schedules/pictures/bottle_sketch.png}
prompts: {negative: blurry}
painting: {steps: 16, guidance_scale: 2.5}
"""
AXES = [
    VariantAxis("prompt", ("colour marker rendering of a teal bottle", "studio photo of an orange bottle")),
    VariantAxis("strength", (0.3, 0.5, 0.7)),
    VariantAxis("seed", (1, 2, 3, 4, 5)),
]


def main() -> None:
    scene, plan = loads(FILM, HERE.parent), plan_grid(AXES)
    takes = [plan_still(with_values(scene, cell), 0) for row in plan.cells() for cell in row]
    painted = {
        number: still.image for number, still in paint_stills(takes, load_painter(scene), batch_size=5)
    }
    wide = len(plan.columns.values)
    rows = [range(at, at + wide) for at in range(0, len(takes), wide)]
    sheet = labelled_grid(
        [[painted[number] for number in row] for row in rows],
        plan.column_labels(),
        plan.row_labels(),
        [[f"{number + 1:03d}" for number in row] for row in rows],
    )
    data = io.BytesIO()
    small = Pillow.fromarray(sheet).resize(
        (sheet.shape[1] // 2, sheet.shape[0] // 2), Pillow.Resampling.LANCZOS
    )
    small.save(data, "JPEG", quality=85)
    (HERE / "stills.jpg").write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
