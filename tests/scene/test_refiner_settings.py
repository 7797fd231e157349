"""The refiner in a schedule file."""

import pytest

from animator import SceneError, loads
from animator.scene.resolve import to_yaml
from animator.timeline.compile import scene_advice


def test_a_name_is_short_for_the_section_and_a_resolved_folder_is_absolute(tmp_path):
    (tmp_path / "refiner").mkdir()
    scene = loads("model: {refiner: refiner}", tmp_path)
    again = loads(to_yaml(scene), "/").settings.model.refiner
    assert (again.base, again.at, again.paints) == (str(tmp_path / "refiner"), 0.8, "fresh")
    assert loads("model: {refiner: some/refiner}").settings.model.refiner.base == "some/refiner"


def test_a_refiner_in_a_film_with_loras_is_a_note():
    text = "model: {loras: {scooter: {file: nano-few-steps}}, refiner: some/refiner}"
    (note,) = scene_advice(loads(text))
    assert str(note) == (
        "<text>:1:60: model.refiner: the refiner does not apply the LoRAs (scooter) and may remove their subject;"
        " check a frame"
    )
    assert not scene_advice(loads("model: {refiner: some/refiner}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refiner.safetensors", "model.refiner.base: a refiner is a hub id or a diffusers folder"),
        ("{base: a/b, at: 1}", "model.refiner.at: 1"),
        ("{base: a/b, paints: all}", "model.refiner.paints: 'all' is not known; allowed: 'fresh' or 'every'"),
    ],
)
def test_each_problem_is_one_line(text, message):
    with pytest.raises(SceneError) as caught:
        loads(f"model: {{refiner: {text}}}")
    assert message in str(caught.value)
