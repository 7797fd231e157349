"""Checks before training: bucket sizes, crops, notes on problems, and the memory and time needed."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from transformers import CLIPTokenizer

from animator.models import nano
from animator.training import estimate, photos, preflight
from animator.training.photos import Photo, read_photos, survey_photos
from animator.training.settings import DataOptions
from animator.training.settings import read_settings as settings
from tests.training.conftest import boxes


def notes(photos, chosen, word):
    return [note for note in survey_photos(photos, chosen()).notes if word in note.message]


def test_buckets_keep_the_squares_area_and_the_longest_aspect_ratio():
    sizes = photos.bucket_sizes(1024, DataOptions(longest=2.0))
    assert (1024, 1024) in sizes and (832, 1216) in sizes and (1216, 832) in sizes
    assert all(h % 64 == 0 and w % 64 == 0 and 0.5 <= w / h <= 2 and h * w <= 1024**2 for h, w in sizes)
    assert all(h * w > 0.85 * 1024**2 for h, w in sizes)
    assert photos.bucket_sizes(1024, DataOptions(buckets=False)) == [(1024, 1024)]


def test_an_image_goes_to_the_bucket_of_the_nearest_aspect_ratio():
    sizes = photos.bucket_sizes(1024, DataOptions())
    assert photos.nearest_bucket((3000, 4000), sizes) == (896, 1152)
    assert photos.nearest_bucket((500, 500), sizes) == (1024, 1024)
    assert photos.nearest_bucket((100, 1000), sizes) == (704, 1408)


def test_a_crop_is_in_the_conditioning_and_keeps_the_masked_product():
    image, mask = boxes(1, 200, 100), np.zeros((100, 200), np.uint8)
    mask[:, 150:190] = 255
    plain, masked = photos.fit_to_bucket(image, None, (64, 64)), photos.fit_to_bucket(image, mask, (64, 64))
    assert plain.sizes == (64, 64, 0, 32, 64, 64) and plain.image.shape == (64, 64, 3)
    assert masked.sizes == (64, 64, 0, 64, 64, 64)
    assert masked.mask.mean() > 0.3  # a centred crop would have cut off the product
    small = cv2.resize(image, (128, 64), interpolation=cv2.INTER_AREA)
    assert (plain.image == small[:, 32:96]).all()


def test_an_enlarged_image_is_conditioned_on_its_own_size():
    assert photos.fit_to_bucket(boxes(1, 64, 64), None, (128, 128)).sizes == (64, 64, 0, 0, 128, 128)


def test_the_summary_contains_sizes_and_captions(folder, chosen):
    lines = "\n".join(photos.survey_photos(read_photos(folder), chosen()).lines)
    assert "images: 5, from 96x96 to 160x96" in lines
    assert ("64x64 (3)" in lines and "64x32 (2)" in lines) or "64x64 (5)" in lines
    assert "1 from files, 4 'photo of oue box'" in lines


def test_a_blurred_image_is_noted(folder, chosen):
    Pillow.fromarray(cv2.GaussianBlur(boxes(1), (0, 0), 6)).save(folder / "1.png")
    [note] = notes(read_photos(folder), chosen, "blurred")
    assert note.place.file.endswith("1.png")


def test_a_duplicate_image_is_noted(folder, chosen):
    assert not notes(read_photos(folder), chosen, "nearly the same")
    Pillow.fromarray(boxes(2)).save(folder / "9.jpg", quality=80)
    [note] = notes(read_photos(folder), chosen, "nearly the same")
    assert note.place.file.endswith("9.jpg") and "2.png" in note.message


def test_dark_and_overexposed_images_are_noted(folder, chosen):
    Pillow.fromarray(boxes(1) // 8).save(folder / "1.png")
    burnt = boxes(2)
    burnt[16:80, 16:80] = 255
    Pillow.fromarray(burnt).save(folder / "2.png")
    assert notes(read_photos(folder), chosen, "dark")[0].place.file.endswith("1.png")
    assert notes(read_photos(folder), chosen, "pure white")[0].place.file.endswith("2.png")


def test_one_background_for_all_images_is_noted_unless_they_have_masks(folder, chosen):
    photos = read_photos(folder)[:3]
    assert not notes(photos, chosen, "same background")
    for photo in photos:
        photo.image[:8], photo.image[-8:], photo.image[:, :8], photo.image[:, -8:] = 240, 240, 240, 240
    assert notes(photos, chosen, "same background")
    photos[0].image[:, -8:] = 0  # the right side is a part of the border as well
    assert not notes(photos, chosen, "same background")
    photos[0].image[:, -8:] = 240
    masked = [Photo(p.file, p.image, p.caption, np.full(p.size, 255, np.uint8)) for p in photos]
    assert not notes(masked, chosen, "same background")


def test_few_small_and_cropped_images_are_noted(tmp_path, chosen):
    Pillow.fromarray(boxes(1, 300, 64)).save(tmp_path / "long.png")
    found = photos.survey_photos(read_photos(tmp_path), chosen("data.resolution=128"))
    message = "\n".join(map(str, found.notes))
    assert "1 images are few" in message and "cropped away" in message and "enlarged" in message


def test_the_sheet_shows_every_image_and_pales_parts_outside_the_mask(folder, chosen):
    mask = np.zeros((96, 96), np.uint8)
    mask[:, :48] = 255
    Pillow.fromarray(mask).save(folder / "0.mask.png")
    found = photos.survey_photos(read_photos(folder), chosen())
    page = photos.training_sheet(found.views, cell=72, columns=3)
    assert page.shape == (144, 216, 3)
    assert (page[4:68, 4:34] == found.views[0].image[:, :30]).all()
    assert page[4:68, 44:68].min() >= 191 - 1


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("red mug", "'red' is a word the model knows"),
        ("zyxwvq mug", "split into 6 pieces"),
        ("mug", "the class alone"),
    ],
)
def test_an_unsuitable_token_is_noted(token, message):
    tokenizer = CLIPTokenizer.from_pretrained(nano.weights_folder() / "tokenizer")
    assert message in "\n".join(preflight.token_advice(token, "mug", tokenizer))
    assert list(preflight.token_advice("oue mug", "mug", tokenizer)) == []


def test_memory_and_time_grow_with_rank_and_batch():
    def need(*options):
        chosen = settings(None, ["token=oue", "data.resolution=64", *options])
        return estimate.estimate_needs(
            nano.weights_folder() / "unet", chosen, torch.device("cpu"), torch.float32
        )

    small, large = need("network.rank=4"), need("network.rank=8", "learning.batch=4")
    assert small.trainable * 2 == large.trainable == 203_776  # of rank 8, as peft itself makes them
    assert large.memory > small.memory > 9_600_000 * 4  # the frozen weights alone
    assert large.seconds > 2 * small.seconds
