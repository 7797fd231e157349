"""Presets: each is a complete film, found by name, in three framings, with files of the user's own."""

import numpy as np
import pytest
from PIL import Image

from animator import SceneError, load
from animator.models.locate import data_folder
from animator.render.pipeline import animate, load_painter
from animator.scene.compose import bundled_presets, compose, extends_chain
from animator.scene.variables import list_variables
from animator.timeline.compile import scene_advice, timeline

NAMES = sorted(bundled_presets())
SHORT = ["video.fps=3", "video.size=64x64", "painting.steps=2", "painting.guidance_scale=1"]
PROMPTS = {
    "concept-reveal": 4,
    "exploded-sketch": 3,
    "hero-push-in": 1,
    "material-swap": 4,
    "mood-film": 4,
    "product-turnaround": 1,
    "storyboard": 4,
}


def declared(name):
    return {found.name: found for found in list_variables(compose(extends_chain(bundled_presets()[name])))}


def test_every_preset_is_here():
    assert set(PROMPTS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("framing", ["16:9", "9:16", "1:1"])
def test_every_preset_is_good_in_every_framing_for_nano_and_for_sdxl(name, framing):
    for base in ("nano", "stabilityai/stable-diffusion-xl-base-1.0"):
        scene = load(name, [f"framing={framing}", f"model.base={base}"])
        assert [str(note) for note in scene_advice(scene)] == []
        shape = scene.size.width / scene.size.height
        assert {"16:9": shape > 1.6, "9:16": shape < 0.6, "1:1": shape == 1}[framing]
        assert scene.settings.painting.steps >= 8


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_has_a_description(name):
    found = declared(name)
    assert {"product", "length", "framing", "lora"} <= set(found)
    assert all(variable.description for variable in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_file_a_preset_takes_can_be_given(name, tmp_path, few_steps):
    from tests.timeline.tracks import clicks, write

    Image.new("RGB", (64, 64), "red").save(tmp_path / "picture.png")
    kinds = {
        "lora": few_steps,
        "track": write(tmp_path / "track.wav", clicks(120, 9)[0]),
        "table": data_folder("presets") / "storyboard.csv",
    }
    for variable in declared(name).values():
        if variable.type == "file":
            file = kinds.get(variable.name, tmp_path / "picture.png")
            scene = load(name, [f"{variable.name}={file}"])
            assert str(file) in str(scene.settings) or variable.name == "table"


@pytest.fixture(scope="module")
def few_steps():
    from animator.models.nano import BUNDLED_LORAS

    return BUNDLED_LORAS["nano-few-steps"]


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_paints_its_film_with_the_bundled_model(name):
    scene = load(name, SHORT)
    frames = timeline(scene)
    message = {frame.prompt.text for frame in frames}
    assert len(message) == PROMPTS[name]
    shown = [state.shown for _, state in animate(scene, frames, load_painter(scene))]
    assert len(shown) == len(frames) and all(image.shape == (64, 64, 3) for image in shown)
    assert np.mean([image.std() for image in shown]) > 5
    assert not np.array_equal(shown[0], shown[-1])


def test_a_product_by_name_is_in_every_prompt():
    for name in NAMES:
        frames = timeline(load(name, ["product=sks kettle"]))
        assert all("sks kettle" in frame.prompt.text or "kettle" in frame.prompt.text for frame in frames)


def test_a_misspelt_variable_is_an_error_with_a_suggestion():
    with pytest.raises(SceneError, match="did you mean 'product'"):
        load("concept-reveal", ["prodct=mug"])


def test_the_presets_are_listed_with_their_descriptions(run):
    status, message, _ = run("presets")
    assert status == 0 and all(name in message for name in NAMES)
    assert "A product as a pencil sketch, a marker rendering" in message


def test_a_preset_is_shown_with_its_variables(run):
    status, message, _ = run("presets", "show", "concept-reveal")
    assert status == 0
    assert "# product: text [teal speaker]  the product, as it is named in a prompt" in message
    assert "# framing: text (16:9 | 9:16 | 1:1) [1:1]" in message
    assert message.endswith((data_folder("presets") / "concept-reveal.yaml").read_text())


def test_a_copied_preset_is_an_equal_film_with_all_its_files(run, tmp_path):
    assert run("presets", "copy", "storyboard")[:2] == (0, "storyboard.yaml\nstoryboard.csv\n")
    ours, theirs = timeline(load(tmp_path / "storyboard.yaml")), timeline(load("storyboard"))
    assert [frame.prompt for frame in ours] == [frame.prompt for frame in theirs]
    status, _, message = run("presets", "copy", "storyboard")
    assert status == 2 and "storyboard.yaml exists; name another file" in message


def test_an_unknown_preset_is_an_error(run):
    assert run("presets", "show", "concept")[::2] == (
        2,
        "no preset 'concept'; did you mean 'concept-reveal'?\n",
    )


def test_a_command_takes_a_preset_by_its_name(run):
    status, message, _ = run("check", "hero-push-in", "--set", "product=green mug")
    assert status == 0 and "120 frames" in message


def test_a_file_takes_precedence_over_a_preset_of_its_name(run, tmp_path):
    (tmp_path / "hero-push-in").write_text("video: {frames: 3}\n")
    assert "3 frames" in run("check", "hero-push-in")[1]


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_has_a_still_that_a_terminal_shows(name):
    from animator.cli.library import STILL_COLUMNS, _still_text

    assert (data_folder("presets") / "stills" / f"{name}.jpg").stat().st_size < 8_000
    text = _still_text(name)
    assert [len(line) for line in text.plain.splitlines()] == [STILL_COLUMNS] * (STILL_COLUMNS // 2)
    assert len({str(span.style) for span in text.spans}) > 20  # an image, not a flat area
