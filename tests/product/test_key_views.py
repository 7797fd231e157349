"""Choice of key views: together they see what the film shows."""

from __future__ import annotations

import numpy as np

from animator.frame import Frame, Motion
from animator.product.caster import Caster
from animator.product.key_views import candidate_views, choose_views, facing_quality, view_cosines
from animator.product.place import Stance, film_views
from animator.product.surface import Surface
from tests.product.shapes import LENS, at, box, sphere, together

SOLIDS = together(sphere(40, fine=24), box(40, at(45, 20, 0)))
SURFACE, CASTER = Surface.of(SOLIDS, 4.0), Caster(SOLIDS)


def views(turn: float, frames: int = 36):
    motion = Motion(orbit_y=turn / frames)
    return film_views([Frame(index, 0, motion=motion) for index in range(frames)], LENS, Stance(elevation=15))


def seen_well(chosen, film) -> np.ndarray:
    """The best quality at which each texel is seen by the chosen views."""
    points, normals = SURFACE.points(), SURFACE.normals()
    found = [
        facing_quality(view_cosines(view, points, normals)) * CASTER.visible(points, view)
        for view in (film[index] for index in chosen)
    ]
    return np.max(found, axis=0)


def test_a_turn_gets_a_few_keys_that_see_nearly_all_that_the_film_sees():
    film = views(360)
    chosen = choose_views(SURFACE, CASTER, film)
    assert 3 <= len(chosen) <= 9
    reachable = seen_well(range(len(film)), film)
    assert seen_well(chosen, film).sum() > 0.9 * reachable.sum()


def test_a_film_that_hardly_moves_has_one_key():
    assert len(choose_views(SURFACE, CASTER, views(3))) == 1


def test_a_given_number_of_keys_is_kept_and_no_view_comes_twice():
    chosen = choose_views(SURFACE, CASTER, views(360), 8)
    assert len(set(chosen)) == len(chosen) == 8


def test_the_first_key_sees_more_than_any_other_view():
    film = views(360)
    first = choose_views(SURFACE, CASTER, film, 1)[0]
    areas = [seen_well([index], film).sum() for index in range(0, len(film), 6)]
    assert seen_well([first], film).sum() >= 0.9 * max(areas)


def test_candidates_are_spread_over_long_films():
    found = candidate_views(1000)
    assert (found[0], found[-1]) == (0, 999)
    assert len(found) == 48
    assert candidate_views(5) == [0, 1, 2, 3, 4]
