"""Variables declared by a preset, and settings that apply only if a condition holds."""

import pytest

from animator import SceneError, load

PRESET = """\
vars:
  product: {default: red mug, description: what is shown}
  length: {type: time, default: 2s, description: seconds}
  framing: {one_of: ["16:9", "1:1"], default: "1:1", description: shape of the picture}
  push: {type: number, default: 1.01, description: zoom per frame}
  tint: {type: color, default: "#ff0000", description: of the light}
  sketch: {type: file, description: a picture to begin with}
video: {size: "{framing}", duration: "{length}", fps: 10}
prompts: {at: "photo of a {product}", common: sharp}
motion: {zoom: "{push}"}
when:
  sketch: {start: {image: "{sketch}"}}
  nano: {painting: {steps: 8}}
  sdxl: {painting: {steps: 30}, prompts: {common: 85mm lens}}
"""


@pytest.fixture
def film(tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "preset.yaml").write_text(PRESET)

    def write(text="", *settings):
        (tmp_path / "film.yaml").write_text("extends: shelf/preset\n" + text)
        return load(tmp_path / "film.yaml", settings)

    return write


def complaint(film, *given):
    with pytest.raises(SceneError) as caught:
        film(*given)
    return str(caught.value)


def test_a_declared_variable_has_its_default_until_one_is_given(film):
    assert film().settings.prompts.at == "photo of a red mug"
    assert film("vars: {product: blue chair}\n").settings.prompts.at == "photo of a blue chair"
    assert film("vars: {product: blue chair}\n", "product=lamp").settings.prompts.at == "photo of a lamp"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("length: long", "vars.length: 'long' is not a time in seconds, e.g. 6s"),
        ("push: fast", "vars.push: 'fast' is not a number"),
        ("framing: wide", "vars.framing: 'wide': known: 16:9, 1:1"),
        ("tint: red", "vars.tint: 'red' is not a colour, e.g. '#0a84ff'"),
        ("sketch: none.png", "none.png"),
        ("product: [mug]", "vars.product: ['mug'] is not a text or a number"),
        ("prodct: mug", "vars.prodct: nothing uses this variable; did you mean 'product'?"),
    ],
)
def test_the_value_of_a_declared_variable_is_checked_and_reported_at_its_place(film, given, said):
    said_of = complaint(film, f"vars: {{{given}}}\n")
    assert "film.yaml:2:" in said_of and said in said_of
    assert len(said_of.splitlines()) == 1


def test_the_value_of_a_set_option_is_checked_too(film):
    assert "--set length=long: vars.length" in complaint(film, "", "length=long")
    assert "did you mean 'product'?" in complaint(film, "", "prodct=mug")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("{type: size}", "vars.a.type: 'size' is not known; allowed: text, number, time, color, file"),
        ("{defualt: 1}", "vars.a.defualt: no such setting; did you mean 'default'?"),
        ("{one_of: 3}", "vars.a.one_of: write the choices as a list"),
        ("{default: [1]}", "vars.a.default: [1] is not a text or a number"),
        ("[1]", "vars.a: [1] is not a text or a number"),
    ],
)
def test_a_mistake_in_a_declaration_is_reported(tmp_path, declared, said):
    (tmp_path / "film.yaml").write_text(f"vars: {{a: {declared}}}\n")
    with pytest.raises(SceneError) as caught:
        load(tmp_path / "film.yaml")
    assert said in str(caught.value)


def test_a_file_is_looked_for_beside_the_schedule_that_names_it_not_beside_the_preset(film, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "line.png")
    scene = film("vars: {sketch: line.png}\n")
    assert scene.settings.start.image == str(tmp_path / "line.png")


def test_settings_under_when_apply_only_if_the_condition_holds(film):
    assert film().settings.start.image is None
    assert film().settings.painting.steps == 8
    other = film("model: {base: someone/sdxl}\n").settings
    assert (other.painting.steps, other.prompts.common) == (30, "85mm lens")


def test_the_file_itself_overrides_the_when_sections_of_its_preset(film):
    assert film("painting: {steps: 5}\n").settings.painting.steps == 5
    assert film("painting: {steps: 5}\n", "painting.steps=6").settings.painting.steps == 6


def test_an_unknown_condition_is_reported(tmp_path):
    (tmp_path / "film.yaml").write_text("vars: {product: mug}\nwhen:\n  produkt: {cadence: 2}\n")
    with pytest.raises(SceneError, match=r"film.yaml:3:3: when.produkt: .*did you mean 'product'"):
        load(tmp_path / "film.yaml")
    (tmp_path / "film.yaml").write_text("when: {nano: 3}\n")
    with pytest.raises(SceneError, match=r"when.nano: 3 is not a group of settings"):
        load(tmp_path / "film.yaml")


def test_a_mistake_under_when_is_reported_at_its_place(tmp_path):
    (tmp_path / "film.yaml").write_text("when:\n  nano:\n    motion: {zom: 1}\n")
    with pytest.raises(SceneError, match=r"film.yaml:3:14: motion.zom: no such setting; did you mean 'zoom'"):
        load(tmp_path / "film.yaml")


def test_the_schema_allows_declarations():
    import jsonschema
    import yaml

    from animator.scene.schema import json_schema

    jsonschema.validate(yaml.safe_load(PRESET), json_schema())
