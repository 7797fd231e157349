"""Equal recipes give equal bytes, and the ground truth of a drawn image is right."""

from dataclasses import replace

import numpy as np
import pytest

from nanolab.gbuffer import CATALOG_AZIMUTHS, CameraView
from nanolab.photo import COLORS
from nanolab.products import PRODUCTS, make_product
from nanolab.recipes import HELD_OUT, STYLES, Recipe, draw_recipe, random_set, render_recipe, trace_recipe

SMALL = (96, 96)
MUG = Recipe("mug", color="red", view=CameraView(azimuth=-20))


def test_equal_recipes_give_equal_bytes():
    for recipe in random_set(5):
        one, two = draw_recipe(recipe, SMALL), draw_recipe(recipe, SMALL)
        assert np.array_equal(one.image, two.image)
        assert np.array_equal(one.mask, two.mask)


def test_other_seeds_give_other_proportions():
    assert not np.array_equal(draw_recipe(MUG, SMALL).mask, draw_recipe(replace(MUG, shape=1), SMALL).mask)


@pytest.mark.parametrize("finish", ["matte", "glossy", "metal"])
def test_a_red_mugs_mask_is_red(finish):
    image = draw_recipe(replace(MUG, finish=finish), SMALL)
    red, green, blue = image.image[image.mask == 255].astype(int).T
    assert np.mean((red > green + 40) & (red > blue + 40)) > 0.6  # the rest is the pale inside of the mug


def test_outside_the_mask_a_white_studio_has_no_hue():
    image = draw_recipe(MUG, SMALL)
    ground = image.image[image.mask == 0].astype(int)
    assert np.ptp(ground, axis=1).max() < 14


@pytest.mark.parametrize("name", PRODUCTS)
def test_depth_and_normals_agree_with_the_mask(name):
    image = draw_recipe(Recipe(name), SMALL)
    inside = image.mask == 255
    assert 0.04 < inside.mean() < 0.8
    assert np.isfinite(image.depth[inside]).all()
    assert np.allclose(np.linalg.norm(image.normal[inside], axis=-1), 1.0, atol=1e-3)
    behind = image.depth[(image.mask == 0) & np.isfinite(image.depth)]
    assert np.median(image.depth[inside]) < np.median(behind)


def test_normals_face_the_camera():
    buffer = trace_recipe(MUG, SMALL)
    facing = (buffer.normal * buffer.eye).sum(-1)[buffer.mask]
    assert np.mean(facing > -0.05) > 0.99


def test_azimuth_turns_the_mug():
    masks = [draw_recipe(replace(MUG, view=CameraView(azimuth=a)), SMALL).mask > 127 for a in (0.0, 180.0)]
    middle = [np.flatnonzero(mask.any(0)).mean() for mask in masks]
    columns = [mask.sum(0) for mask in masks]
    right = [counts[int(at) :].sum() / counts.sum() for counts, at in zip(columns, middle, strict=True)]
    assert right[0] < 0.5 < right[1]  # the handle, thinner than the body, changes sides


def test_roll_turns_the_image_clockwise():
    upright = draw_recipe(Recipe("bottle"), SMALL).mask > 127
    tilted = draw_recipe(Recipe("bottle", view=CameraView(roll=30)), SMALL).mask > 127
    top = [np.flatnonzero(mask[np.flatnonzero(mask.any(1))[:4]].any(0)).mean() for mask in (upright, tilted)]
    assert top[1] > top[0] + 5


def test_scale_and_offset_resize_and_move_the_product():
    small = draw_recipe(Recipe("speaker", view=CameraView(scale=0.5, x=-0.2)), SMALL).mask > 127
    large = draw_recipe(Recipe("speaker", view=CameraView(scale=0.9)), SMALL).mask > 127
    assert small.sum() < 0.5 * large.sum()
    assert np.flatnonzero(small.any(0)).mean() < np.flatnonzero(large.any(0)).mean() - 10


def test_every_style_draws_one_view_differently():
    buffer = trace_recipe(MUG, SMALL)
    images = [render_recipe(buffer, replace(MUG, style=style), SMALL) for style in STYLES]
    for i, one in enumerate(images):
        for two in images[i + 1 :]:
            assert np.abs(one.astype(int) - two).mean() > 4


@pytest.mark.parametrize("backdrop", ["white", "grey", "sunset", "night"])
def test_colours_are_distinct_on_every_backdrop(backdrop):
    buffer = trace_recipe(Recipe("speaker", view=CameraView(azimuth=150)), SMALL)
    inside = buffer.mask[::3, ::3][:32, :32]
    seen = []
    for color in COLORS:
        image = render_recipe(
            buffer, Recipe("speaker", color=color, finish="matte", backdrop=backdrop), SMALL
        )
        seen.append(np.median(image[::2, ::2][:32, :32][inside[:32, :32]], axis=0))
    apart = [np.abs(a - b).max() for i, a in enumerate(seen) for b in seen[i + 1 :]]
    assert min(apart) > 15


def test_an_image_of_any_format_can_be_drawn():
    assert draw_recipe(MUG, (72, 96)).image.shape == (72, 96, 3)


def test_most_products_are_drawn_as_a_catalogue_shows_them():
    drawn = [random_set(seed)[0] for seed in range(400)]
    usual = [recipe for recipe in drawn if recipe.spread < 1]
    assert 0.75 < len(usual) / len(drawn) < 0.88
    assert {recipe.view.name() for recipe in usual} == set(CATALOG_AZIMUTHS)
    assert all(recipe.view.roll == 0 and abs(recipe.view.x) <= 0.01 for recipe in usual)
    assert len({recipe.view.azimuth for recipe in usual}) == len(usual)  # similar, but not equal


def test_a_smaller_spread_varies_the_proportions_less():
    def heights(spread):
        return [make_product("bottle", seed, spread).extent()[1][1] for seed in range(40)]

    assert np.std(heights(0.4)) < 0.6 * np.std(heights(1.0))
    assert len(set(heights(0.4))) == 40
    assert make_product("chair", 3, 0.0).rows().tolist() == make_product("chair", 4, 0.0).rows().tolist()


def test_a_random_set_has_one_view_in_every_style():
    drawn = random_set(3)
    assert {recipe.style for recipe in drawn} == set(STYLES)
    assert len({(recipe.view, recipe.shape) for recipe in drawn}) == 1


def test_held_out_pairs_are_never_drawn_for_training():
    drawn = {(r.product, r.color) for seed in range(300) for r in random_set(seed)}
    assert not drawn & HELD_OUT
