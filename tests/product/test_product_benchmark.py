"""The benchmark of the passes runs, and prints a ratio for each."""

import json
import sys

from benchmarks import product


def test_the_benchmark_prints_the_ratio_of_each_pass_to_the_cast(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["product", "--sizes", "64", "--faces", "500", "--runs", "1"])
    product.main()
    *shown, last = capsys.readouterr().out.splitlines()
    found = json.loads(last)["64 px, 500 faces"]
    assert shown[0].startswith("64 px, 500 faces: cast")
    assert {"mask", "depth", "normals", "points", "motion", "lines", "shade", "floor's shadow", "clay"} < set(
        found
    )
    assert all(f"{name} " in shown[1] for name in found if name != "cast")
    assert all(value >= 0 for value in found.values())


def test_its_product_has_about_the_faces_asked_for():
    for faces in (5_000, 150_000):
        assert abs(len(product.product(faces).faces) / faces - 1) < 0.1
