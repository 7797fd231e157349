"""Draw training.jpg (nano with a LoRA trained on twelve images) and refiner.jpg (the LoRA with a refiner).

Minutes on one core.

`python docs/training_pictures.py [FILE.safetensors]`: trains as the slow test does, unless a file is given.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests are not part of the package

from animator import animate, loads
from animator.models import nano
from nanolab.checkpoint import PipelinePainter
from tests.training import toy
from tests.training.test_product import ASKED, OTHERS, figures, painted, taught

HERE = Path(__file__).parent
SIDE = 150  # pixels of an image on the sheet
FILM = """
video: {{size: 256x256, frames: 1}}
model: {{loras: {{tower: {{file: {file}}}}}{refiner}}}
prompts: {{at: "studio photo of oue tower, white background"}}
painting: {{steps: 20, guidance_scale: 2, seed: {seed}}}
"""
HAND_OVER = (0.8, 0.5, 0.2)  # fraction of the noise at which the refiner takes over


def refined(file: Path) -> list[np.ndarray]:
    """Return an image painted with a LoRA, and images finished by a refiner: nano without the LoRA."""
    rows = []
    for seed in (1, 3):
        for at in (None, *HAND_OVER):
            refiner = "" if at is None else f", refiner: {{base: {nano.weights_folder()}, at: {at}}}"
            scene = loads(FILM.format(file=file.resolve(), refiner=refiner, seed=seed))
            rows.append(next(animate(scene))[1].shown)
    return rows


def main() -> None:
    with tempfile.TemporaryDirectory() as room:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else taught(Path(room))
        painter = PipelinePainter(nano.weights_folder(), file)
        row = Pillow.fromarray(np.concatenate(refined(file), axis=1))
        row.resize((8 * SIDE, SIDE), Pillow.Resampling.LANCZOS).save(HERE / "refiner.jpg", quality=88)
    print(json.dumps(figures(painter), indent=1))
    blank = [np.full((256, 256, 3), 255, np.uint8)] * len(OTHERS)
    rows = [[toy.render(100 + number) for number in range(4)] + blank]
    for scale in (0.0, 0.5, 1.0):
        rows.append(
            painted(painter, scale, [ASKED] * 4)
            + (blank if scale == 0.5 else painted(painter, scale, OTHERS))
        )
    page = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    sheet = Pillow.fromarray(page).resize((8 * SIDE, len(rows) * SIDE), Pillow.Resampling.LANCZOS)
    sheet.save(HERE / "training.jpg", quality=88)


if __name__ == "__main__":
    main()
