"""A mask's parts, each in a box of its own."""

import numpy as np

from animator.imaging.regions import regions


def mask(*boxes):
    found = np.zeros((100, 200), np.uint8)
    for top, bottom, left, right in boxes:
        found[top:bottom, left:right] = 90
    return found


def sides(boxes):
    return [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in boxes]


def test_each_part_has_its_box_with_its_surroundings_from_top_to_bottom():
    found = regions(mask((60, 80, 10, 20), (10, 20, 100, 140)), 0.25)
    assert sides(found) == [(0, 30, 90, 150), (55, 85, 5, 25)]


def test_boxes_that_overlap_are_one_and_so_is_what_they_then_touch():
    apart = mask((10, 20, 10, 20), (10, 20, 24, 34), (10, 20, 38, 48))
    assert len(regions(apart, 0.0)) == 3
    assert sides(regions(apart, 0.5)) == [(5, 25, 5, 53)]


def test_nothing_and_specks_have_none_and_everything_is_one():
    assert regions(mask(), 0.25) == []
    assert regions(mask((5, 6, 5, 6)), 0.25) == []
    assert sides(regions(np.full((100, 200), 255, np.uint8), 1.0)) == [(0, 100, 0, 200)]
