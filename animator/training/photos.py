"""Photos of a product with captions and masks: reading, sizes of equal area, a survey of problems, a sheet.

Unusable files are errors, by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from animator.errors import Place, Problem, SceneError, one_line
from animator.frame import Image, Mask
from animator.imaging.io import is_deep, lay_on, open_image, to_eight_bit
from animator.scene.scene import IMAGE_SUFFIXES
from animator.training.settings import DataOptions, TrainingSettings

FEW_PHOTOS, MANY_PHOTOS = 8, 200  # photos

RELATIVE_SHARPNESS = (
    0.12  # share of the set's median sharpness; below it a photo is out of focus beside the others
)

MIN_SHARPNESS = 12.0  # variance of the Laplacian at 512 pixels; below it nothing is sharp

DUPLICATE_DIFFERENCE = (
    0.12  # mean difference of two thumbnails, relative to their contrast; below it they are duplicates
)

DARK_LEVEL, OVEREXPOSED_SHARE = 40, 0.5  # mean luminance, 0..255; share of overexposed pixels in the middle

SAME_BACKGROUND_DEVIATION = (
    8.0  # standard deviation of border colours, in levels; below it all have one background
)


@dataclass(frozen=True)
class Survey:
    """Findings on a set of photos before training."""

    views: list[Crop]
    notes: list[Problem]  # problems a person should look at
    lines: list[str]  # summary


def survey_photos(photos: Sequence[Photo], settings: TrainingSettings) -> Survey:
    """Measure `photos` and crop them as training does."""
    known = bucket_sizes(settings.resolution, settings.data)
    masks = [photo.mask if settings.data.masks else None for photo in photos]
    views = [
        fit_to_bucket(photo.image, mask, nearest_bucket(photo.size, known))
        for photo, mask in zip(photos, masks, strict=True)
    ]
    notes = [
        *_file_notes(photos, views),
        *_sharpness_notes(photos),
        *_duplicate_notes(photos),
        *_exposure_notes(photos, views),
    ]
    return Survey(
        views, [*_set_notes(photos, views, settings), *notes], list(_summary_lines(photos, views, settings))
    )


def _summary_lines(
    photos: Sequence[Photo], views: Sequence[Crop], settings: TrainingSettings
) -> Iterator[str]:
    sides = [photo.size for photo in photos]
    low, high = min(sides, key=np.prod), max(sides, key=np.prod)
    yield f"images: {len(photos)}, from {low[1]}x{low[0]} to {high[1]}x{high[0]}"
    formats = Counter(view.image.shape[:2] for view in views)
    seen = ", ".join(f"{w}x{h} ({count})" for (h, w), count in formats.most_common())
    yield f"training sizes: {seen}"
    written = sum(photo.caption is not None for photo in photos) if settings.data.captions == "files" else 0
    yield f"captions: {written} from files, {len(photos) - written} {settings.caption!r}"
    yield f"masks: {sum(view.mask is not None for view in views)}"


def _photo_note(photo: Photo, message: str) -> Problem:
    return Problem(Place(str(photo.file)), (), message)


def _set_notes(
    photos: Sequence[Photo], views: Sequence[Crop], settings: TrainingSettings
) -> Iterator[Problem]:
    place = Place(str(photos[0].file.parent))
    if len(photos) < FEW_PHOTOS:
        yield Problem(place, (), f"{len(photos)} images are few; 15 to 25 from all sides work best")
    if len(photos) > MANY_PHOTOS:
        yield Problem(
            place, (), f"{len(photos)} images are many for one product; check that all of them show it"
        )
    if settings.data.held_out >= len(photos):
        yield Problem(
            place,
            (),
            f"data.held_out: {settings.data.held_out} of {len(photos)} images leaves none to train on",
        )
    edges = np.array([_border_color(view.image) for view in views])
    if (
        len(views) > 2
        and edges.std(0).max() < SAME_BACKGROUND_DEVIATION
        and any(view.mask is None for view in views)
    ):
        yield Problem(
            place,
            (),
            "all images have the same background, which will be learnt with the token; vary it or add masks",
        )


def _border_color(image: Image) -> NDArray[np.float64]:
    """Return the mean colour (3,) of an image's border, which is 4 pixels wide."""
    sides = (image[:4], image[-4:], image[4:-4, :4], image[4:-4, -4:])
    return np.asarray(np.concatenate([side.reshape(-1, 3) for side in sides]).mean(0), np.float64)


def _file_notes(photos: Sequence[Photo], views: Sequence[Crop]) -> Iterator[Problem]:
    for photo, view in zip(photos, views, strict=True):
        yield from (_photo_note(photo, note) for note in photo.notes)
        if view.scale > 1.25:
            height, width = photo.size
            yield _photo_note(
                photo, f"{width}x{height} pixels, enlarged {view.scale:.1f} times; it will be soft"
            )
        kept = view.image.size / 3 / (view.scale**2 * photo.size[0] * photo.size[1])
        if kept < 0.75:
            yield _photo_note(photo, f"{1 - kept:.0%} of it is cropped away; see the sheet")


def _gray_thumbnail(photo: Photo, longest: int) -> NDArray[np.uint8]:
    factor = longest / max(photo.size)
    size = (max(round(photo.size[1] * factor), 8), max(round(photo.size[0] * factor), 8))
    grey = cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _sharpness_notes(photos: Sequence[Photo]) -> Iterator[Problem]:
    sharp = [float(cv2.Laplacian(_gray_thumbnail(photo, 512), cv2.CV_64F).var()) for photo in photos]
    usual = float(np.median(sharp))
    for photo, value in zip(photos, sharp, strict=True):
        if value < max(RELATIVE_SHARPNESS * usual, MIN_SHARPNESS):
            yield _photo_note(photo, f"blurred: sharpness {value:.0f}, the set's median is {usual:.0f}")


def _duplicate_notes(photos: Sequence[Photo]) -> Iterator[Problem]:
    small = [
        cv2.resize(photo.image, (32, 32), interpolation=cv2.INTER_AREA).astype(float) for photo in photos
    ]
    for (one, a), (other, b) in combinations(zip(photos, small, strict=True), 2):
        contrast = max((a.std() + b.std()) / 2, 1.0)
        if np.abs(a - b).mean() / contrast < DUPLICATE_DIFFERENCE:
            yield _photo_note(other, f"nearly the same image as {one.file.name}; remove one of them")


def _exposure_notes(photos: Sequence[Photo], views: Sequence[Crop]) -> Iterator[Problem]:
    for photo, view in zip(photos, views, strict=True):
        grey = cv2.cvtColor(view.image, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        middle = grey[height // 4 : -(height // 4), width // 4 : -(width // 4)]
        if grey.mean() < DARK_LEVEL:
            yield _photo_note(photo, f"dark: mean level {grey.mean():.0f} of 255")
        elif (middle >= 254).mean() > OVEREXPOSED_SHARE:
            yield _photo_note(
                photo,
                f"{(middle >= 254).mean():.0%} of its middle is pure white: overexposed, or an empty middle",
            )


def training_sheet(views: Sequence[Crop], cell: int = 256, columns: int = 6) -> Image:
    """Return a sheet (h, w, 3) of the images to be learnt, one per square cell; parts outside a mask are paled."""
    columns = min(columns, len(views))
    rows = -(-len(views) // columns)
    page = np.full((rows * cell, columns * cell, 3), 235, np.uint8)
    for number, view in enumerate(views):
        image = view.image
        if view.mask is not None:
            pale = image * 0.25 + 191.0
            image = np.rint(pale + (image - pale) * view.mask[..., None]).astype(np.uint8)
        height, width = image.shape[:2]
        factor = (cell - 8) / max(height, width)
        small = cv2.resize(
            image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA
        )
        y, x = number // columns * cell + 4, number % columns * cell + 4
        page[y : y + small.shape[0], x : x + small.shape[1]] = small
    return page


VIDEO_SUFFIXES = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"}

UNSUPPORTED_SUFFIXES = {
    ".heic",
    ".heif",
    ".psd",
    ".raw",
    ".dng",
    ".cr2",
    ".nef",
    ".arw",
    ".svg",
    ".pdf",
    ".avif",
    ".jxl",
}

MIN_SIDE = 64  # pixels per side; anything less is an icon

MASK_SUFFIX = ".mask.png"


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


def read_photos(folder: Path) -> list[Photo]:
    """Read every photo in `folder`, sorted by name. Files that are neither images nor videos are ignored.

    CMYK, 16 bits, transparency and EXIF rotation are converted and noted. Raises SceneError with a line for each
    video, unsupported or broken file, caption that is not UTF-8 and mask of another size, or if there are no images.
    """
    if not folder.is_dir():
        raise SceneError([Problem(Place(str(folder)), (), "no such folder; name the folder of the photos")])
    photos, problems = [], []
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or file.name.endswith(MASK_SUFFIX) or not file.is_file():
            continue
        suffix = file.suffix.lower()
        try:
            if suffix in IMAGE_SUFFIXES:
                photos.append(_read_photo(file))
            elif suffix in VIDEO_SUFFIXES:
                command = f"ffmpeg -i {file.name} -vf fps=1 {file.stem}-%03d.png"
                raise ValueError(f"a video; extract its frames with: {command}")
            elif suffix in UNSUPPORTED_SUFFIXES | {".gif"}:
                raise ValueError(f"{suffix[1:]} files are not supported; save it as PNG or JPEG")
        except (OSError, ValueError) as error:
            problems.append(Problem(Place(str(file)), (), one_line(error, 200)))
    if not photos and not problems:
        message = f"contains no images; supported: {', '.join(sorted(IMAGE_SUFFIXES))}"
        problems = [Problem(Place(str(folder)), (), message)]
    if problems:
        raise SceneError(problems)
    return photos


def _read_photo(file: Path) -> Photo:
    notes: list[str] = []
    with open_image(file) as opened:
        count = getattr(opened, "n_frames", 1)
        if count > 1 and opened.format != "MPO":
            raise ValueError(f"an animation of {count} frames; save one of them as an image")
        if opened.getexif().get(0x0112, 1) not in (0, 1):
            notes.append("rotated as its EXIF orientation requires")
        if is_deep(opened):
            notes.append("16 bits per channel, converted to 8")
        if opened.mode in ("CMYK", "YCCK"):
            notes.append("CMYK, converted to RGB without its colour profile; compare the colours")
        flat = to_eight_bit(opened)
    if min(flat.size) < MIN_SIDE:
        raise ValueError(f"{flat.width}x{flat.height} pixels; at least {MIN_SIDE}x{MIN_SIDE} are needed")
    image, alpha = _lay_on_white(flat, notes)
    mask = _read_mask(file, image.shape[:2])
    return Photo(file, image, _read_caption(file), alpha if mask is None else mask, tuple(notes))


def _lay_on_white(photo: Pillow.Image, notes: list[str]) -> tuple[Image, Mask | None]:
    """Lay the image on white; return it with its alpha channel as a mask, None if it is opaque everywhere."""
    if photo.mode != "RGBA":
        return np.array(photo), None
    alpha = np.array(photo.getchannel("A"))
    image = np.array(lay_on(photo, "white"))
    if alpha.min() == 255:
        return image, None
    if alpha.max() == 0:
        raise ValueError("fully transparent; it shows nothing")
    notes.append("transparent, laid on white; its opaque part is the mask")
    return image, alpha


def _read_mask(file: Path, size: tuple[int, ...]) -> Mask | None:
    path = file.with_name(file.stem + MASK_SUFFIX)
    if not path.is_file():
        return None
    with open_image(path) as opened:
        mask: NDArray[np.uint8] = np.array(to_eight_bit(opened).convert("L"))
    if mask.shape != size:
        given, wanted = (f"{side[1]}x{side[0]}" for side in (mask.shape, size))
        raise ValueError(f"its mask {path.name} has {given} pixels, the image {wanted}")
    if mask.max() < 128:
        raise ValueError(f"its mask {path.name} is black; it must be white where the product is")
    return mask


def _read_caption(file: Path) -> str | None:
    path = file.with_suffix(".txt")
    if not path.is_file():
        return None
    try:
        text = " ".join(path.read_bytes().decode("utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise ValueError(f"its caption {path.name} is not UTF-8 text") from error
    return text or None


Size = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True, eq=False)
class Crop:
    """A photo as training uses it: scaled and cropped, with SDXL's size and crop conditioning."""

    image: Image  # (h, w, 3), of a bucket's size
    mask: NDArray[np.float32] | None  # (h, w) 0..1
    scale: float  # pixels of this image per pixel of the photo
    sizes: tuple[int, int, int, int, int, int]  # SDXL conditioning, h and w: original, crop corner, target


def bucket_sizes(resolution: int, data: DataOptions) -> list[Size]:
    """Return all bucket sizes: sides in whole steps, at most the square's area, no longer than `data.longest`."""
    step = data.bucket_step
    square = max(resolution // step, 1) * step
    found = {(square, square)}
    if data.buckets:
        for width in range(step, int(square * data.longest) + step, step):
            height = square * square // width // step * step
            if height and max(width / height, height / width) <= data.longest:
                found |= {(height, width), (width, height)}
    return sorted(found)


def nearest_bucket(size: Size, known: list[Size]) -> Size:
    """Return the known size of the most similar aspect ratio; of equal ones, the largest."""
    ratio = np.log(size[1] / size[0])
    return min(known, key=lambda one: (abs(np.log(one[1] / one[0]) - ratio), -one[0] * one[1]))


def fit_to_bucket(image: Image, mask: Mask | None, bucket: Size) -> Crop:
    """Scale a photo (h, w, 3) to cover `bucket` and crop it around its centre, or around the masked product.

    The original size in the conditioning is the photo's own if it was enlarged (such images are soft, and the model
    should not paint later ones so), else the size it was reduced to.
    """
    height, width = image.shape[:2]
    scale = max(bucket[0] / height, bucket[1] / width)
    wide = (max(round(width * scale), bucket[1]), max(round(height * scale), bucket[0]))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(image, wide, interpolation=how)
    soft: NDArray[np.float32] | None = (
        None
        if mask is None
        else np.asarray(cv2.resize(mask, wide, interpolation=cv2.INTER_AREA) / 255, np.float32)
    )
    top, left = _crop_corner(large.shape[:2], soft, bucket)
    rows, columns = slice(top, top + bucket[0]), slice(left, left + bucket[1])
    original_size = bucket if scale < 1 else (height, width)
    return Crop(
        np.ascontiguousarray(large[rows, columns]).astype(np.uint8),
        None if soft is None else np.ascontiguousarray(soft[rows, columns]),
        scale,
        (*original_size, top, left, *bucket),
    )


def _crop_corner(size: tuple[int, ...], mask: NDArray[np.float32] | None, bucket: Size) -> Size:
    """Return top and left of the crop: centred on the image, or on the mask as far as the image reaches."""
    spare = (size[0] - bucket[0], size[1] - bucket[1])
    if mask is None or not (mask > 0.5).any():
        return spare[0] // 2, spare[1] // 2
    middles = [(np.flatnonzero((mask > 0.5).any(axis))[[0, -1]].sum() + 1) / 2 for axis in (1, 0)]
    top, left = (int(np.clip(round(m - b / 2), 0, s)) for m, b, s in zip(middles, bucket, spare, strict=True))
    return top, left
