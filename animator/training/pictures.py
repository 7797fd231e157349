"""Read a folder of photos with their captions and masks; unusable files are errors, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageOps, UnidentifiedImageError

from animator.errors import Place, Problem, SceneError
from animator.frame import Image, Mask
from animator.scene.scene import PICTURES

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"}
FOREIGN = {".heic", ".heif", ".psd", ".raw", ".dng", ".cr2", ".nef", ".arw", ".svg", ".pdf", ".avif", ".jxl"}
SMALLEST = 64  # pixels per side; anything less is an icon
MASK = ".mask.png"


@dataclass(frozen=True, eq=False)
class Photo:
    """A training image: upright, RGB, transparency laid on white."""

    file: Path
    image: Image  # (h, w, 3)
    caption: str | None = None  # from NAME.txt
    mask: Mask | None = None  # (h, w), 255 where the product is
    notes: tuple[str, ...] = field(default=())  # conversions applied to the file

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


def read(folder: Path) -> list[Photo]:
    """Read every photo in `folder`, sorted by name. Files that are neither images nor videos are ignored.

    CMYK, 16 bits, transparency and EXIF rotation are converted and noted. Raises SceneError with a line for each
    video, unsupported or broken file, caption that is not UTF-8 and mask of another size, or if there are no images.
    """
    if not folder.is_dir():
        raise SceneError([Problem(Place(str(folder)), (), "no such folder; name the folder of the photos")])
    photos, problems = [], []
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.name.endswith(MASK) or not file.is_file():
            continue
        suffix = file.suffix.lower()
        try:
            if suffix in PICTURES:
                photos.append(_photo(file))
            elif suffix in VIDEOS:
                command = f"ffmpeg -i {file.name} -vf fps=1 {file.stem}-%03d.png"
                raise ValueError(f"a video; extract its frames with: {command}")
            elif suffix in FOREIGN | {".gif"}:
                raise ValueError(f"{suffix[1:]} files are not supported; save it as PNG or JPEG")
        except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for broken PNGs
            problems.append(Problem(Place(str(file)), (), " ".join(str(error).split())[:200]))
    if not photos and not problems:
        message = f"contains no images; supported: {', '.join(sorted(PICTURES))}"
        problems = [Problem(Place(str(folder)), (), message)]
    if problems:
        raise SceneError(problems)
    return photos


def _photo(file: Path) -> Photo:
    notes: list[str] = []
    try:
        with Pictures.open(file) as opened:
            count = getattr(opened, "n_frames", 1)
            if count > 1 and opened.format != "MPO":
                raise ValueError(f"an animation of {count} frames; save one of them as an image")
            opened.load()
            turned = ImageOps.exif_transpose(opened)
            if turned.size != opened.size or opened.getexif().get(0x0112, 1) not in (0, 1):
                notes.append("rotated as its EXIF orientation requires")
            picture = _eight_bit(turned, notes)
    except Pictures.DecompressionBombError as error:
        raise ValueError(error) from error
    except UnidentifiedImageError as error:
        raise ValueError("broken, or not an image at all") from error
    if min(picture.size) < SMALLEST:
        raise ValueError(
            f"{picture.width}x{picture.height} pixels; at least {SMALLEST}x{SMALLEST} are needed"
        )
    image, alpha = _on_paper(picture, notes)
    mask = _mask(file, image.shape[:2])
    return Photo(file, image, _caption(file), alpha if mask is None else mask, tuple(notes))


def _eight_bit(picture: Pictures.Image, notes: list[str]) -> Pictures.Image:
    """Convert the image to 8-bit RGB, or to RGBA if it has transparency; add `notes` on the conversion."""
    if picture.mode.startswith("I") or picture.mode == "F":
        notes.append("16 bits per channel, converted to 8")
        levels = np.asarray(picture, np.float64)
        top = 255.0 if levels.max() <= 255 else 65535.0
        return Pictures.fromarray(np.clip(levels * 255 / top + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("CMYK", "YCCK"):
        notes.append("CMYK, converted to RGB without its colour profile; compare the colours")
        return picture.convert("RGB")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _on_paper(picture: Pictures.Image, notes: list[str]) -> tuple[Image, Mask | None]:
    """Lay the image on white; return it with its alpha channel as a mask, None if it is opaque everywhere."""
    if picture.mode != "RGBA":
        return np.array(picture), None
    alpha = np.array(picture.getchannel("A"))
    paper = Pictures.alpha_composite(Pictures.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if alpha.min() == 255:
        return np.array(paper), None
    if alpha.max() == 0:
        raise ValueError("fully transparent; it shows nothing")
    notes.append("transparent, laid on white; its opaque part is the mask")
    return np.array(paper), alpha


def _mask(file: Path, size: tuple[int, ...]) -> Mask | None:
    path = file.with_name(file.stem + MASK)
    if not path.is_file():
        return None
    with Pictures.open(path) as opened:
        mask: NDArray[np.uint8] = np.array(opened.convert("L"))
    if mask.shape != size:
        given, wanted = (f"{side[1]}x{side[0]}" for side in (mask.shape, size))
        raise ValueError(f"its mask {path.name} has {given} pixels, the image {wanted}")
    if mask.max() < 128:
        raise ValueError(f"its mask {path.name} is black; it must be white where the product is")
    return mask


def _caption(file: Path) -> str | None:
    path = file.with_suffix(".txt")
    if not path.is_file():
        return None
    try:
        text = " ".join(path.read_bytes().decode("utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise ValueError(f"its caption {path.name} is not UTF-8 text") from error
    return text or None
