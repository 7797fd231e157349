"""Images of other sizes are painted and fitted into the classifier's square."""

import numpy as np
import pytest

from animator.models.nano import weights_folder
from nanolab.evaluate import pad_to_square, paint_prompts
from tests.films import texture


@pytest.mark.parametrize(("width", "height"), [(192, 256), (256, 192), (384, 384), (384, 256)])
def test_squared_contains_the_whole_image_with_its_edges_repeated(width, height):
    image = texture(width, height)
    shown = pad_to_square(image)
    assert shown.shape == (256, 256, 3)
    if width < height:
        assert np.array_equal(shown[:, 32:224], image)
        assert (shown[:, :32] == image[:, :1]).all() and (shown[:, 224:] == image[:, -1:]).all()


def test_large_images_are_painted_with_and_without_the_hires_fix():
    prompts = ["studio photo of a red mug, side view, white background"]
    laid_out, at_once = (
        paint_prompts(weights_folder(), "384x384", prompts, 500, hires)[0] for hires in (0.3, 0.0)
    )
    assert laid_out.shape == at_once.shape == (384, 384, 3)
    assert np.abs(laid_out.astype(float) - at_once).mean() > 2
