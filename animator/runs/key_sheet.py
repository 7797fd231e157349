"""Key paintings of a product film before the film is rendered: painted, kept in the run, and shown on a sheet."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np

from animator.errors import RunError
from animator.render.pipeline import load_painter
from animator.render.product import ProductPainter
from animator.runs.atomic import write_atomic
from animator.runs.metadata import encode_png
from animator.runs.run import Run
from animator.runs.sheets import labelled_grid
from animator.runs.store import KeyPaintings
from animator.scene.scene import Scene

SHEET_NAME = "keys.png"


def paint_keys(run: Run, scene: Scene) -> Path:
    """Paint all key paintings of `scene`, keep them in `run`, and return the sheet that shows them, a PNG.

    One row shows one style: its background, and its numbered keys. Raises AnimatorError.
    """
    with run.locked():
        painter = load_painter(scene)
        assert isinstance(painter, ProductPainter)
        painter.keep_paintings(KeyPaintings(run.folder))
        rows = [
            (text, list(group)) for text, group in groupby(painter.key_paintings(), lambda found: found.text)
        ]
        widest = max(len(found) for _, found in rows)
        empty = np.full_like(rows[0][1][0].image, 255)
        images = [[one.image for one in found] + [empty] * (widest - len(found)) for _, found in rows]
        captions = [[one.label for one in found] + [""] * (widest - len(found)) for _, found in rows]
        sheet = labelled_grid(images, [""] * widest, [text for text, _ in rows], captions)
        file = run.folder / SHEET_NAME
        try:
            write_atomic(file, encode_png(sheet, {}))
        except OSError as error:
            raise RunError(f"{file} cannot be written: {error.strerror}") from error
    return file
