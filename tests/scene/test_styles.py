"""The bundled styles, and a user's own styles."""

import pytest
from click.testing import CliRunner

from animator import SceneError, loads, timeline
from animator.cli import main
from animator.scene.styles import PROMPT_SLOT, bundled_styles
from animator.timeline.clock import Clock
from animator.timeline.prompt_formulas import parse_formula_text

# Values of `style_preset` in the APIs of Stability and Amazon Bedrock.
PRESETS = [
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
]
PRODUCT = ["pencil-sketch", "marker-rendering", "clay", "studio-photo", "night-city", "blueprint", "packshot"]


def test_the_bundled_styles_include_known_style_presets_and_product_styles():
    assert len(PRESETS) == 17
    assert {*PRESETS, *PRODUCT} <= set(bundled_styles())


def test_every_style_can_be_read_and_has_a_description():
    signals = Clock(1).signals()
    for name, style in bundled_styles().items():
        assert style.description, name
        assert parse_formula_text(style.prompt.replace(PROMPT_SLOT, "a mug"), signals, 1).plain
        assert parse_formula_text(style.negative, signals, 1).plain
        assert len(style.prompt) < 120, name
    assert len({style.prompt for style in bundled_styles().values()}) == len(bundled_styles())


def test_the_styles_of_a_users_file_override_the_bundled_ones(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        'clay: {prompt: "{prompt} in red clay", negative: grey}\nhouse: our look of {prompt}\n'
    )
    text = "video: {frames: 2}\nprompts: {at: a mug, styles_file: mine.yaml, style: {0: clay, 1: house}}\n"
    frames = timeline(loads(text, tmp_path))
    assert [frame.prompt.text for frame in frames] == ["a mug in red clay", "our look of a mug"]
    assert [frame.prompt.negative for frame in frames] == ["grey", ""]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("x: 3", "mine.yaml:1:4: x: 3 is not a style; write its prompt"),
        ("x: {negative: a}", "mine.yaml:1:4: x: {'negative': 'a'} is not a style"),
        ("x: no slot", "mine.yaml:1:4: x: a style has {prompt} exactly once"),
        ('x: {prompt: "{prompt} {prompt}"}', "mine.yaml:1:13: x: a style has {prompt} exactly once"),
        (
            'x: {prompt: "{prompt}", color: red}',
            "mine.yaml:1:25: x: no such setting; known: says, prompt, negative",
        ),
        ("x: [", "mine.yaml:"),
        ('x: {prompt: "{prompt} (red:sine(t))"}', "prompts.style: style 'x': unknown function 'sine'"),
    ],
)
def test_a_mistake_in_a_style_is_reported_with_its_place(tmp_path, written, message):
    (tmp_path / "mine.yaml").write_text(written + "\n")
    with pytest.raises(SceneError) as caught:
        timeline(
            loads("video: {frames: 2}\nprompts: {at: a mug, styles_file: mine.yaml, style: x}\n", tmp_path)
        )
    assert message in str(caught.value)


def test_a_missing_styles_file_is_one_line(tmp_path):
    with pytest.raises(SceneError, match="prompts.styles_file: no such file"):
        loads("prompts: {styles_file: nowhere.yaml}", tmp_path)


def test_the_command_styles_lists_the_bundled_ones_and_those_of_a_file(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        'house: {prompt: "our look of {prompt}", says: the look of our house}\n'
    )
    message = CliRunner().invoke(main, ["styles", str(tmp_path / "mine.yaml"), "--long"]).stdout
    assert "house" in message and "the look of our house" in message and "our look of {prompt}" in message
    short = CliRunner().invoke(main, ["styles"]).stdout.splitlines()
    assert [line.split()[0] for line in short] == list(bundled_styles())
