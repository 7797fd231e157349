"""A picture file → an array of the size asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageOps

from animator.frame import Image


def read(file: Path, width: int, height: int) -> Image:
    """The picture in `file`, turned as its EXIF says, on white, scaled to cover width x height, cropped in the middle.

    RGB uint8 (height, width, 3). Raises OSError, ValueError.
    """
    try:
        with Pictures.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
    # A cut-out product stands on white, as designers' files do; plain "RGB" would show what lies under
    # transparency.
    paper = Pictures.alpha_composite(Pictures.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if paper.size == (width, height):
        return np.asarray(paper)
    return np.asarray(ImageOps.fit(paper, (width, height), Pictures.Resampling.LANCZOS))


def check(file: Path) -> None:
    """Read the head of a picture file. Raises OSError, ValueError where `read` would."""
    try:
        Pictures.open(file).close()
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
