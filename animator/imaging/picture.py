"""Read image files as arrays of a given size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageOps

from animator.frame import Image


def read(file: Path, width: int, height: int) -> Image:
    """Return the image in `file` on white, scaled to cover width x height and cropped: RGB uint8 (height, width, 3).

    It is rotated as its EXIF orientation says, and cropped in the middle. Raises OSError, ValueError.
    """
    try:
        with Pictures.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
    # A cut-out product is put on white, as in designers' files; convert("RGB") would show the hidden colours of
    # transparent pixels.
    paper = Pictures.alpha_composite(Pictures.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if paper.size == (width, height):
        return np.asarray(paper)
    return np.asarray(ImageOps.fit(paper, (width, height), Pictures.Resampling.LANCZOS))


def check(file: Path) -> None:
    """Read the header of an image file. Raises OSError, ValueError if it is not a readable image."""
    try:
        Pictures.open(file).close()
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
