"""Settings of a 3D product: accepted values, and the messages for others, before any model is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PIL import Image as Pillow

from animator import SceneError, loads, timeline
from animator.models.locate import bundled_product_models
from animator.timeline.compile import scene_advice
from tests.product.glb_files import product


@pytest.fixture
def folder(tmp_path):
    product(tmp_path / "lamp.glb")
    (tmp_path / "broken.glb").write_bytes(b"glTF\2\0\0\0\xff\xff\0\0\xff\xff\0\0JSON{}")
    return tmp_path


def test_a_file_alone_is_the_short_form(folder):
    scene = loads("product: lamp.glb", folder)
    assert scene.settings.product.model == "lamp.glb"
    assert timeline(scene)[0].product.gloss == 0.6


def test_films_without_a_product_have_none():
    assert timeline(loads("{}"))[0].product is None


def test_appearance_is_a_curve(folder):
    scene = loads("video: {frames: 5}\nproduct: {model: lamp.glb, lines: {0: 1, 4: 0}}", folder)
    assert [frame.product.lines for frame in timeline(scene)] == [1, 0.75, 0.5, 0.25, 0]


def test_a_film_of_a_product_is_sharp_beyond_the_size_of_nano(folder):
    assert loads("product: lamp.glb", folder).size == (512, 512)
    assert loads("{}").size == (256, 256)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{model: none.glb}", "product.model: no such file"),
        ("{model: broken.glb}", "product.model: it is shorter than its header says"),
        ("{model: lamp.max}", "product.model: no such file"),
        ("{}", "product.model: must be given"),
        ("{model: lamp.glb, keys: 0}", "product.keys: 0 is not a number of key paintings"),
        ("{model: lamp.glb, keys: many}", "write auto, or 1 to 36"),
        ("{model: lamp.glb, place: [0.5]}", "product.place: [0.5] is not a place"),
        ("{model: lamp.glb, up: w}", "product.up: 'w' is not known"),
        ("{model: lamp.glb, up: y, front: -y}", "same axis"),
        ("{model: lamp.glb, fit: 0}", "product.fit"),
        ("{model: lamp.glb, lines: 2}", "product.lines: 2 at frame 0; allowed 0..1"),
        ("{model: lamp.glb, parts: {nob: '#ff0000'}}", "product.parts.nob: the model has no part 'nob'; did you mean 'knob'?"),
        ("{model: lamp.glb, parts: {knob: {color: red}}}", "is not a colour"),
        ("{model: lamp.glb, seeds: {a: 1}}", "is not a list of seeds"),
        ("{model: lamp.glb, seeds: {1: -1}}", "is not a list of seeds"),
        ("{model: lamp.glb, lins: 1}", "did you mean 'lines'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_says_what_to_write(folder, text, message):
    with pytest.raises(SceneError) as caught:
        timeline(loads(f"product: {text}", folder))
    assert message in str(caught.value)


def test_hints_of_the_shape_need_a_product_and_others_do_not_go_with_one(folder):
    with pytest.raises(SceneError, match="normal: needs a 3D product"):
        loads("control: {a: {model: x/y, hint: normal}}", folder)
    with pytest.raises(SceneError, match="a 3D product gives the hints shape, normal"):
        loads("product: lamp.glb\ncontrol: {a: {model: x/y, hint: canny}}", folder)
    assert loads("product: lamp.glb\ncontrol: {a: {model: x/y, hint: depth}}", folder)


def test_settings_without_effect_on_a_product_are_told(folder):
    notes = scene_advice(loads("product: lamp.glb\nviews_strength: 0.2\ndetail: {strength: 0.5}", folder))
    assert any("detail" in str(note) and "no effect" in str(note) for note in notes)


PRESET = """
vars:
  product: red mug
  product3d: {type: model, named_in: product, unless: [photo], description: model}
  photo: {type: file, description: photo}
video: {frames: 4}
prompts: {at: "{product}"}
when: {product3d: {product: {model: "{product3d}"}}, photo: {start: {image: "{photo}"}}}
"""


def test_a_variable_takes_a_file_or_none(folder):
    assert loads(PRESET, folder, ["product3d=none"]).settings.product is None
    given = loads(PRESET, folder, [f"product3d={folder / 'lamp.glb'}"])
    assert given.settings.product.model == str(folder / "lamp.glb")
    with pytest.raises(SceneError, match=r"product3d: no such file: .*; or a bundled model"):
        loads(PRESET, folder, ["product3d=lmp.glb"])


@pytest.mark.skipif(not bundled_product_models(), reason="no 3D models come along")
def test_a_variable_finds_the_bundled_model_that_words_name(folder):
    found = loads(PRESET, folder).settings.product
    assert found.model.endswith("mug.glb")
    assert loads(PRESET, folder, ["product=a red kayak"]).settings.product is None
    Pillow.new("RGB", (8, 8)).save(folder / "a.png")
    assert loads(PRESET, folder, [f"photo={folder / 'a.png'}"]).settings.product is None


def test_without_the_library_for_3d_models_presets_are_painted_from_words():
    code = "import sys; sys.modules['embreex'] = None; import animator; print(animator.load('concept-reveal').settings.product)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def test_a_3d_model_that_is_asked_for_needs_its_library():
    code = (
        "import sys; sys.modules['embreex'] = None; import animator\n"
        "try: animator.load('concept-reveal', ['product3d=mug'])\nexcept animator.SceneError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'animator[product3d]'" in done.stdout
