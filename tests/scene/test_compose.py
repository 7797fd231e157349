"""Extending, overriding, filling variables: pure merges of documents."""

import pytest
from PIL import Image as Pillow

from animator import SceneError, load
from animator.scene.compose import apply_overrides, compose, extends_chain
from animator.scene.variables import MAX_VARIABLE, substitute
from tests import lora_files


@pytest.fixture
def files(tmp_path):
    (tmp_path / "base.yaml").write_text(
        "vars: {product: mug}\n"
        "video: {fps: 12, frames: 8}\n"
        "motion: {zoom: {0: 1, 4: 2}, angle: 3}\n"
        "prompts: {at: {0: a {product}}}\n"
        "model: {loras: {one: {file: 1.safetensors}}}\n".replace("a {product}", "'a {product}'")
    )
    (tmp_path / "top.yaml").write_text(
        "extends: base\nmotion: {zoom: 1.5}\nvideo: {frames: 4}\nmodel: {loras: {two: {file: 2.safetensors}}}\n"
    )
    for name in ("1.safetensors", "2.safetensors"):
        lora_files.write(tmp_path / name, lora_files.anyones())
    return tmp_path


def test_sections_are_merged_and_values_replaced(files):
    data = compose(extends_chain(files / "top.yaml")).data
    assert data["motion"] == {"zoom": 1.5, "angle": 3}
    assert data["video"] == {"fps": 12, "frames": 4}
    assert set(data["model"]["loras"]) == {"one", "two"}


def test_a_problem_in_an_extended_file_names_that_file(files):
    (files / "base.yaml").write_text("motion:\n  zom: 1\n")
    with pytest.raises(SceneError) as caught:
        load(files / "top.yaml")
    assert f"{files / 'base.yaml'}:2:3: motion.zom: no such setting; did you mean 'zoom'?" in str(
        caught.value
    )


def test_an_unknown_preset_is_refused(files):
    (files / "top.yaml").write_text("extends: nothing\n")
    with pytest.raises(SceneError, match="top.yaml:1:10: extends: no preset or file 'nothing'"):
        load(files / "top.yaml")


def test_files_that_extend_each_other_are_refused(files):
    (files / "base.yaml").write_text("extends: top\n")
    with pytest.raises(SceneError, match="extends this file in turn"):
        load(files / "top.yaml")


def test_set_options_replace_values_at_any_depth_and_variables_by_name(files):
    document = apply_overrides(
        compose(extends_chain(files / "top.yaml")),
        ["video.fps=30", "product=red: mug", "painting.seed.start=5"],
    )
    assert document.data["video"]["fps"] == 30
    assert document.data["vars"]["product"] == "red: mug"
    assert document.data["painting"] == {"seed": {"start": 5}}


def test_a_problem_in_a_set_option_names_the_option(files):
    with pytest.raises(SceneError) as caught:
        load(files / "base.yaml", ["video.fps=fast"])
    assert "--set video.fps=fast: video.fps: 'fast' is not a number" in str(caught.value)
    with pytest.raises(SceneError, match="write it as"):
        load(files / "base.yaml", ["fps"])


def test_variables_are_filled_in_every_text(files):
    assert substitute(compose(extends_chain(files / "base.yaml"))).data["prompts"]["at"]["0"] == "a mug"


def test_an_unknown_variable_is_refused_with_the_nearest(files):
    (files / "top.yaml").write_text("extends: base\nprompts: {common: 'by {produkt}'}\n")
    with pytest.raises(
        SceneError, match=r"top.yaml:2:19: prompts.common: unknown variable '\{produkt\}'; did you mean"
    ):
        load(files / "top.yaml")


def test_a_file_named_in_a_preset_lies_beside_the_preset(files, tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for place in ("a.png", "deep/b.png", "elsewhere/c.png"):
        Pillow.new("RGB", (4, 4)).save(tmp_path / place)
    (tmp_path / "base.yaml").write_text("start: {image: a.png}\n")
    (tmp_path / "deep" / "top.yaml").write_text("extends: ../base.yaml\n")
    monkeypatch.chdir(tmp_path / "elsewhere")

    def start(*options):
        scene = load(tmp_path / "deep" / "top.yaml", options)
        return scene.file(("start", "image"), scene.settings.start.image).resolve()

    assert start() == tmp_path / "a.png"
    assert start("start.image=c.png") == tmp_path / "elsewhere" / "c.png"
    (tmp_path / "deep" / "top.yaml").write_text("extends: ../base.yaml\nstart: {image: b.png}\n")
    assert start() == tmp_path / "deep" / "b.png"


def test_a_problem_in_a_value_that_replaces_a_presets_names_the_replacing_file(files):
    (files / "top.yaml").write_text('extends: base\nmotion:\n  zoom: "0:(1), 3:(foo)"\n')
    with pytest.raises(SceneError, match=r"top.yaml:3:9: motion.zoom.3: unknown name 'foo'"):
        load(files / "top.yaml")
    with pytest.raises(
        SceneError, match=r"--set motion.zoom=\{0: 1, 4: foo\}: motion.zoom.4: unknown name 'foo'"
    ):
        load(files / "base.yaml", ["motion.zoom={0: 1, 4: foo}"])


def test_a_section_is_never_taken_for_a_variable_of_that_name(files):
    (files / "top.yaml").write_text("vars: {motion: slow}\n")
    assert load(files / "top.yaml", ["motion.zoom=1.01"]).settings.motion.zoom == 1.01


@pytest.mark.parametrize("section", ["vars:", "vars: 5", "vars: [a]"])
def test_a_vars_section_of_the_wrong_type_is_reported_even_with_a_set_option(files, section):
    (files / "top.yaml").write_text(f"{section}\n")
    with pytest.raises(SceneError, match="vars: .* is not a group of settings"):
        load(files / "top.yaml", ["motion.zoom=1.01"])


@pytest.mark.parametrize("text", ["mug #5", "a {b} mug", "50% off: now", "two\nlines"])
def test_a_set_option_keeps_text_as_written(files, text):
    assert (
        apply_overrides(compose(extends_chain(files / "base.yaml")), [f"product={text}"]).data["vars"][
            "product"
        ]
        == text
    )


def test_doubled_braces_stand_for_braces(files):
    (files / "top.yaml").write_text("extends: base\nprompts: {at: '{{product}} {product} {a|b}'}\n")
    assert load(files / "top.yaml").settings.prompts.at == "{product} mug {a|b}"


def test_a_variable_has_a_maximum_length(files):
    with pytest.raises(SceneError, match="vars.product: 1,001 characters; at most 1,000"):
        load(files / "base.yaml", ["product=" + "x" * (MAX_VARIABLE + 1)])


def test_a_length_in_frames_replaces_one_in_seconds_and_the_other_way_round(files):
    (files / "top.yaml").write_text("extends: base\nvideo: {duration: 2s}\n")  # base has frames
    assert load(files / "top.yaml").frames == 24
    assert load(files / "top.yaml", ["video.frames=5"]).frames == 5
    (files / "top.yaml").write_text("video: {duration: 2s, frames: 3}\n")
    with pytest.raises(SceneError, match="give either 'frames' or 'duration'"):
        load(files / "top.yaml")
