"""The benchmark of turned products measures a short turn."""

from __future__ import annotations

import pytest

from benchmarks import turnaround


@pytest.mark.parametrize("without", ["", "hint"])
def test_a_short_turn_has_all_figures(without):
    scene = turnaround.film("mug", "mug", "red", size=64, frames=12, steps=1)
    found = turnaround.measure(scene, without)
    assert found["keys"] >= 1
    assert found["flicker"] > 0
    assert 0 <= found["drift"] < 60
    assert found["pieces"] == 0
