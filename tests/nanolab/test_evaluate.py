"""The film of the evaluation follows its prompts."""

import numpy as np

from animator.models.nano import weights_folder
from nanolab.evaluate import paint_reveal_film
from nanolab.metrics import silhouette


def test_the_film_goes_from_a_grey_sketch_to_a_red_and_a_blue_speaker():
    shown = paint_reveal_film(weights_folder())
    assert len(shown) == 48
    sketch, red, blue = (shown[i].astype(float) for i in (0, 33, 47))
    assert np.ptp(sketch, axis=-1).mean() < 8
    assert (red[silhouette(shown[33])].mean(0)).argmax() == 0
    assert (blue[silhouette(shown[47])].mean(0)).argmax() == 2
