"""Survey a set of photos before training: notes on problems, and a sheet of the images to be learnt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.errors import Place, Problem
from animator.frame import Image
from animator.training import buckets
from animator.training.buckets import View
from animator.training.pictures import Photo
from animator.training.settings import Settings

FEW, MANY = 8, 200  # photos
SOFT = 0.12  # share of the set's median sharpness; below it a photo is out of focus beside the others
SOFTEST = 12.0  # variance of the Laplacian at 512 pixels; below it nothing is sharp
TWINS = 0.12  # mean difference of two thumbnails, relative to their contrast; below it they are duplicates
DARK, BRIGHT = 40, 0.5  # mean luminance, 0..255; share of overexposed pixels in the middle
ALIKE = 8.0  # standard deviation of border colours, in levels; below it all have one background


@dataclass(frozen=True)
class Survey:
    """Findings on a set of photos before training."""

    views: list[View]
    notes: list[Problem]  # problems a person should look at
    lines: list[str]  # summary


def survey(photos: Sequence[Photo], settings: Settings) -> Survey:
    """Measure `photos` and crop them as training does."""
    known = buckets.sizes(settings.resolution, settings.data)
    masks = [photo.mask if settings.data.masks else None for photo in photos]
    views = [
        buckets.fit(photo.image, mask, buckets.nearest(photo.size, known))
        for photo, mask in zip(photos, masks, strict=True)
    ]
    notes = [*_of_files(photos, views), *_of_sharpness(photos), *_of_twins(photos), *_of_light(photos, views)]
    return Survey(views, [*_of_all(photos, views, settings), *notes], list(_lines(photos, views, settings)))


def _lines(photos: Sequence[Photo], views: Sequence[View], settings: Settings) -> Iterator[str]:
    sides = [photo.size for photo in photos]
    low, high = min(sides, key=np.prod), max(sides, key=np.prod)
    yield f"images: {len(photos)}, from {low[1]}x{low[0]} to {high[1]}x{high[0]}"
    formats = Counter(view.image.shape[:2] for view in views)
    seen = ", ".join(f"{w}x{h} ({count})" for (h, w), count in formats.most_common())
    yield f"training sizes: {seen}"
    written = sum(photo.caption is not None for photo in photos) if settings.data.captions == "files" else 0
    yield f"captions: {written} from files, {len(photos) - written} {settings.caption!r}"
    yield f"masks: {sum(view.mask is not None for view in views)}"


def _note(photo: Photo, message: str) -> Problem:
    return Problem(Place(str(photo.file)), (), message)


def _of_all(photos: Sequence[Photo], views: Sequence[View], settings: Settings) -> Iterator[Problem]:
    place = Place(str(photos[0].file.parent))
    if len(photos) < FEW:
        yield Problem(place, (), f"{len(photos)} images are few; 15 to 25 from all sides work best")
    if len(photos) > MANY:
        yield Problem(
            place, (), f"{len(photos)} images are many for one product; check that all of them show it"
        )
    if settings.data.held_out >= len(photos):
        yield Problem(
            place,
            (),
            f"data.held_out: {settings.data.held_out} of {len(photos)} images leaves none to train on",
        )
    edges = np.array([_edge(view.image) for view in views])
    if len(views) > 2 and edges.std(0).max() < ALIKE and any(view.mask is None for view in views):
        yield Problem(
            place,
            (),
            "all images have the same background, which will be learnt with the token; vary it or add masks",
        )


def _edge(image: Image) -> NDArray[np.float64]:
    """Return the mean colour (3,) of an image's border, without its right side."""
    border = np.concatenate(
        [image[:4].reshape(-1, 3), image[-4:].reshape(-1, 3), image[:, :4].reshape(-1, 3)]
    )
    return np.asarray(border.mean(0), np.float64)


def _of_files(photos: Sequence[Photo], views: Sequence[View]) -> Iterator[Problem]:
    for photo, view in zip(photos, views, strict=True):
        yield from (_note(photo, note) for note in photo.notes)
        if view.scale > 1.25:
            height, width = photo.size
            yield _note(photo, f"{width}x{height} pixels, enlarged {view.scale:.1f} times; it will be soft")
        kept = view.image.size / 3 / (view.scale**2 * photo.size[0] * photo.size[1])
        if kept < 0.75:
            yield _note(photo, f"{1 - kept:.0%} of it is cropped away; see the sheet")


def _grey(photo: Photo, longest: int) -> NDArray[np.uint8]:
    factor = longest / max(photo.size)
    size = (max(round(photo.size[1] * factor), 8), max(round(photo.size[0] * factor), 8))
    grey = cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _of_sharpness(photos: Sequence[Photo]) -> Iterator[Problem]:
    sharp = [float(cv2.Laplacian(_grey(photo, 512), cv2.CV_64F).var()) for photo in photos]
    usual = float(np.median(sharp))
    for photo, value in zip(photos, sharp, strict=True):
        if value < max(SOFT * usual, SOFTEST):
            yield _note(photo, f"blurred: sharpness {value:.0f}, the set's median is {usual:.0f}")


def _of_twins(photos: Sequence[Photo]) -> Iterator[Problem]:
    small = [
        cv2.resize(photo.image, (32, 32), interpolation=cv2.INTER_AREA).astype(float) for photo in photos
    ]
    for (one, a), (other, b) in combinations(zip(photos, small, strict=True), 2):
        contrast = max((a.std() + b.std()) / 2, 1.0)
        if np.abs(a - b).mean() / contrast < TWINS:
            yield _note(other, f"nearly the same image as {one.file.name}; remove one of them")


def _of_light(photos: Sequence[Photo], views: Sequence[View]) -> Iterator[Problem]:
    for photo, view in zip(photos, views, strict=True):
        grey = cv2.cvtColor(view.image, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        middle = grey[height // 4 : -(height // 4), width // 4 : -(width // 4)]
        if grey.mean() < DARK:
            yield _note(photo, f"dark: mean level {grey.mean():.0f} of 255")
        elif (middle >= 254).mean() > BRIGHT:
            yield _note(
                photo,
                f"{(middle >= 254).mean():.0%} of its middle is pure white: overexposed, or an empty middle",
            )


def sheet(views: Sequence[View], cell: int = 256, columns: int = 6) -> Image:
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
