"""Padded bounding boxes of a mask's parts."""

import numpy as np

from animator.imaging.masks import mask_boxes


def mask(*boxes):
    found = np.zeros((100, 200), np.uint8)
    for top, bottom, left, right in boxes:
        found[top:bottom, left:right] = 90
    return found


def sides(boxes):
    return [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in boxes]


def test_each_part_has_a_padded_box_and_boxes_are_sorted_from_top_to_bottom():
    found = mask_boxes(mask((60, 80, 10, 20), (10, 20, 100, 140)), 0.25)
    assert sides(found) == [(0, 30, 90, 150), (55, 85, 5, 25)]


def test_overlapping_boxes_are_merged_until_none_overlap():
    apart = mask((10, 20, 10, 20), (10, 20, 24, 34), (10, 20, 38, 48))
    assert len(mask_boxes(apart, 0.0)) == 3
    assert sides(mask_boxes(apart, 0.5)) == [(5, 25, 5, 53)]


def test_empty_masks_and_specks_have_no_box_and_a_full_mask_has_one():
    assert mask_boxes(mask(), 0.25) == []
    assert mask_boxes(mask((5, 6, 5, 6)), 0.25) == []
    assert sides(mask_boxes(np.full((100, 200), 255, np.uint8), 1.0)) == [(0, 100, 0, 200)]
