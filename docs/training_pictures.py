"""Draw docs/training.jpg: what a dozen photographs taught the bundled model. Minutes on one core.

`python docs/training_pictures.py [FILE.safetensors]`: trains as the slow test does, unless a file is given.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests are no part of the package

from animator import nano
from animator.nano.painter import Painter
from tests.train import toy
from tests.train.test_product import ASKED, OTHERS, figures, painted, taught

TARGET = Path(__file__).with_name("training.jpg")
SIDE = 150  # pixels of a picture on the sheet


def main() -> None:
    with tempfile.TemporaryDirectory() as room:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else taught(Path(room))
        painter = Painter(nano.folder(), file)
    print(json.dumps(figures(painter), indent=1))
    blank = [np.full((256, 256, 3), 255, np.uint8)] * len(OTHERS)
    rows = [[toy.render(100 + number) for number in range(4)] + blank]
    for scale in (0.0, 0.5, 1.0):
        rows.append(
            painted(painter, scale, [ASKED] * 4)
            + (blank if scale == 0.5 else painted(painter, scale, OTHERS))
        )
    page = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    sheet = Pictures.fromarray(page).resize((8 * SIDE, len(rows) * SIDE), Pictures.Resampling.LANCZOS)
    sheet.save(TARGET, quality=88)


if __name__ == "__main__":
    main()
