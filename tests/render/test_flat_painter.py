"""The painter without a model, and the test card."""

import numpy as np
import pytest

from animator.frame import Frame, Painting
from animator.render.painter import FlatPainter
from animator.render.painter import draw_test_card as card_of


def test_the_flat_painter_returns_its_image_from_nothing(textured):
    assert FlatPainter(textured).paint(Frame(0, 1), None) is textured


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_strength_0_keeps_the_start_image_and_1_ignores_it(textured, strength):
    painted = FlatPainter(textured).paint(Frame(1, 5, painting=Painting(strength)), textured)
    assert painted.std() == pytest.approx(textured.std() * (1 - strength), rel=0.5, abs=40)
    assert (painted == textured).all() == (strength == 0)
    assert (np.ptp(painted.reshape(-1, 3), axis=0).max() == 0) == (strength == 1)


def test_the_test_card_shows_every_motion():
    card = card_of(128, 96)
    assert card.shape == (96, 128, 3)
    for other in (card[::-1], card[:, ::-1], np.roll(card, 3, 1), np.roll(card, 3, 0)):
        assert np.abs(card.astype(int) - other).mean() > 2
