"""Paint the pictures of masks.md: python docs/mask_pictures.py."""

from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from animator import animate, load

HERE = Path(__file__).parent
FILM = HERE.parent / "schedules" / "06_lock.yaml"
SHOWN = (0, 8, 16, 24, 35)
OFF = ["lock.mask=!everywhere", "painting.mask=everywhere"]


def row(settings: list[str]) -> np.ndarray:
    pictures = [state.shown for frame, state in animate(load(FILM, settings)) if frame.index in SHOWN]
    return np.hstack([np.pad(picture, ((2, 2), (2, 2), (0, 0)), constant_values=255) for picture in pictures])


if __name__ == "__main__":
    Pictures.fromarray(np.vstack([row(OFF), row([])])).save(HERE / "masks.jpg", quality=85, subsampling=0)
