"""The background plate: the product and its shadow are gone, pictures stay, plain ones are clean."""

from __future__ import annotations

import numpy as np

from animator.product.backdrop import film_plate, paint_plate

Y, X = np.mgrid[0:128, 0:128]
HOLE = (((X - 64) ** 2 + (Y - 70) ** 2) < 30**2).astype(np.float32)
NONE = np.zeros((128, 128), np.float32)
GRADIENT = np.repeat((200 + 30 * Y / 127 - 12 * X / 127)[..., None], 3, -1)


def test_a_plain_background_is_a_clean_gradient_without_product_shadow_and_stray_strokes():
    image = GRADIENT.copy()
    image[HOLE > 0] = (20, 120, 120)
    image[100:110, 90:120] *= 0.7  # its shadow
    image[4:30, 100:104] = 30  # a cable that nobody asked for
    shadow = NONE.copy()
    shadow[100:110, 90:120] = 0.5
    plate = paint_plate([image.astype(np.uint8)], [HOLE], [shadow])
    assert np.abs(plate.astype(float) - GRADIENT).max() < 4


def test_a_background_with_a_picture_keeps_it_and_is_filled_behind_the_product():
    lamps = (128 + 110 * np.sin(X / 5.0) * np.sin(Y / 6.0))[..., None] * [1.0, 0.7, 0.4]
    image = lamps.copy()
    image[HOLE > 0] = 255
    plate = paint_plate([image.astype(np.uint8)], [HOLE], [NONE]).astype(float)
    away = ((X - 64) ** 2 + (Y - 70) ** 2) > 62**2
    assert np.abs(plate - lamps)[away].max() < 8
    assert plate[70, 64].max() < 200


def test_other_paintings_show_what_the_first_one_hides():
    lamps = (128 + 110 * np.sin(X / 5.0) * np.sin(Y / 6.0))[..., None] * [1.0, 0.7, 0.4]
    left = np.where(X < 60, 1.0, 0.0).astype(np.float32)
    right = np.where(X > 80, 1.0, 0.0).astype(np.float32)
    first, second = (np.where(cover[..., None] > 0, 255, lamps).astype(np.uint8) for cover in (left, right))
    plate = paint_plate([first, second], [left, right], [NONE, NONE]).astype(float)
    assert np.abs(plate - lamps)[:, :40].mean() < 12


def test_the_film_s_plate_is_linear_light_in_its_own_size():
    plate = film_plate(np.full((32, 32, 3), 188, np.uint8), 48, 64)
    assert plate.shape == (64, 48, 3)
    assert np.allclose(plate, 0.503, atol=0.003)


def test_a_product_painted_beyond_its_outline_does_not_stay_in_the_background():
    lamps = (128 + 110 * np.sin(X / 5.0) * np.sin(Y / 6.0))[..., None] * [0.2, 0.2, 1.0]
    image = lamps.copy()
    image[((X - 64) ** 2 + (Y - 62) ** 2) < 38**2] = (20, 150, 140)
    plate = paint_plate([image.astype(np.uint8)], [HOLE], [NONE]).astype(float)
    teal = np.abs(plate - [20, 150, 140]).max(-1) < 25
    assert teal.mean() < 0.002
