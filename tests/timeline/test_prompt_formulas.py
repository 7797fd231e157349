"""Prompts over time: formulas in weights, LoRA tags, styles."""

import pytest

from animator import SceneError, loads, timeline
from animator.scene.styles import bundled_styles
from tests import lora_files


@pytest.fixture
def folder(tmp_path):
    for name in ("oue", "ink"):
        lora_files.write(tmp_path / f"{name}.safetensors", lora_files.anyones())
    return tmp_path


MODEL = "model: {loras: {oue: {file: oue.safetensors}, ink: {file: ink.safetensors}}}\n"


def film(text, folder=".", frames=4):
    return timeline(loads(f"video: {{frames: {frames}}}\n{text}", folder))


def texts(text, **more):
    return [frame.prompt.text for frame in film(text, **more)]


def error_of(text, folder="."):
    with pytest.raises(SceneError) as caught:
        film(text, folder)
    return str(caught.value)


def test_a_weight_may_be_a_formula_with_brackets_of_its_own():
    assert texts("prompts: {at: 'a (red:0.5+0.5*sin(t*pi/2)) mug'}") == [
        "a (red:0.5) mug", "a (red:1) mug", "a (red:0.5) mug", "a (red:0) mug",
    ]  # fmt: skip


def test_formulas_may_be_nested_weights_or_between_backticks():
    assert texts("prompts: {at: '((red:t/2) mug:1+k), `t` cups', negative: '(blur:t)'}", frames=2) == [
        "((red:0) mug:1), 0 cups", "((red:0.5) mug:2), 1 cups",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["(a cup: white)", "(size: s)", "(a:b:c)", "(note:)", "(red:1.2)", r"(12\:30)"]
)
def test_text_that_is_no_formula_is_unchanged(text):
    assert texts(f"prompts: {{at: '{text}'}}", frames=1) == [text]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "(red:sine(t))",
            r"unknown function 'sine'; did you mean 'sin'? (in 'sine(t)'); write \: for a colon",
        ),
        ("(clock 12:30)", r"a weight of 30 in '(clock 12:30)'; allowed 0..10; write \: for a colon"),
        ("(red:`t)", "a ` without its partner"),
        ("(red:1/t)", "inf at frame 0"),
        ('("a", "b").blend(1)', "blends 2 texts; write a weight for each: .blend(1, 1)"),
        ("(a:1.5), (b:0.5)" * 60, "parts of different weights; at most 100"),
    ],
)
def test_an_invalid_weight_is_reported_in_one_line_with_its_place(text, message):
    output = error_of(f"prompts:\n  at:\n    0: a mug\n    2: '{text}'\n")
    assert output.startswith("<text>:5:8: prompts.at.2: ")
    assert message in output
    assert "\n" not in output


def test_a_tag_sets_a_loras_scale_for_its_key(folder):
    text = MODEL + "prompts: {at: {0: 'a mug <lora:oue:0.4>', 2: '<lora:ink>, a cup'}}\n"
    frames = film(text, folder)
    assert [frame.prompt.text for frame in frames] == ["a mug", "a mug", "a cup", "a cup"]
    assert [frame.loras for frame in frames] == [{"oue": 0.4, "ink": 0}] * 2 + [{"oue": 0, "ink": 1}] * 2


def test_a_tags_scale_blends_with_its_prompt_and_may_be_a_formula(folder):
    text = (
        MODEL + "prompts: {travel: 2, at: {0: a mug, 2: 'a cup <lora:oue:0.8>'}, common: '<lora:ink:t/4>'}\n"
    )
    frames = film(text, folder)
    assert [frame.loras["oue"] for frame in frames] == [0, 0.4, 0.8, 0.8]
    assert [frame.loras["ink"] for frame in frames] == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompts: {at: {0: a, 2: '<lora:oeu:1>'}}", "prompts.at.2: '<lora:oeu>': no LoRA of that name in model.loras; did you mean 'oue'?"),
        ("prompts: {at: '<lora:oue:big>'}", "unknown name 'big'"),
        ("prompts: {at: '<lora:oue:t*9>'}", "<lora:oue> is 18 at frame 2; allowed -10..10"),
        ("prompts: {negative: '<lora:oue>'}", "prompts.negative: '<lora:oue>' does nothing in a negative prompt"),
        ("prompts: {at: 'mug --neg <lora:oue>'}", "does nothing in a negative prompt"),
        ("prompts: {at: '<lora:oue:1>'}\nloras: {oue: 0.5}", "loras.oue: its scale is also set by a <lora:oue:…> tag in the prompts"),
    ],
)  # fmt: skip
def test_an_invalid_tag_is_refused(folder, text, message):
    assert message in error_of(MODEL + text, folder)


def test_blocks_have_curves_of_their_own(folder):
    text = MODEL + "loras: {oue: {scale: 0.5, blocks: {down: t/2, up_0: 0}}, ink: {0: 0, 2: 1}}\n"
    frames = film(text, folder)
    assert [frame.loras for frame in frames[:3]] == [{"oue": 0.5, "ink": ink} for ink in (0, 0.5, 1)]
    assert [frame.lora_blocks for frame in frames[:2]] == [
        {"oue": {"down": 0, "up_0": 0}},
        {"oue": {"down": 0.5, "up_0": 0}},
    ]
    with_tag = MODEL + "prompts: {at: '<lora:oue:0.7>'}\nloras: {oue: {blocks: {mid: 0}}}\n"
    assert film(with_tag, folder)[0].loras["oue"] == 0.7


def test_a_block_that_does_not_exist_is_one_line(folder):
    message = error_of(MODEL + "loras: {oue: {blocks: {side: 1}}}", folder)
    assert "loras.oue: 'side' is not a block; known: down, mid, up, text" in message


def test_a_style_wraps_the_prompt():
    frame = film("prompts: {at: a red mug, style: pencil-sketch, common: 4k, negative: text}")[0]
    style = bundled_styles()["pencil-sketch"]
    assert frame.prompt.text == f"{style.before}a red mug{style.after}, 4k"
    assert frame.prompt.negative == f"{style.negative}, text"


def test_styles_have_keys_and_blend_over_travel():
    frames = film("prompts: {at: {0: 'a (red:t) mug'}, style: {0: clay, 2: studio-photo}, travel: 2}")
    clay, photo = bundled_styles()["clay"], bundled_styles()["studio-photo"]
    assert [frame.prompt.weight for frame in frames] == [0, 0.5, 0, 0]
    assert frames[1].prompt.text == f"{clay.before}a (red:1) mug{clay.after}"
    assert frames[1].prompt.next == f"{photo.before}a (red:1) mug{photo.after}"
    assert frames[3].prompt.text == f"{photo.before}a (red:3) mug{photo.after}"


def test_a_style_of_an_empty_prompt_drops_its_preposition():
    assert texts("prompts: {style: pencil-sketch}", frames=1) == ["pencil sketch, white background"]


def test_an_unknown_style_is_refused_with_a_suggestion():
    message = error_of("prompts: {at: a mug, style: {0: clay, 2: pencil-skech}}")
    assert message == "<text>:2:42: prompts.style.2: no style 'pencil-skech'; did you mean 'pencil-sketch'?"


def test_every_frame_has_the_kind_of_prompt_blend():
    assert {frame.prompt.blend for frame in film("prompts: {at: a, blend: slerp}")} == {"slerp"}
    assert "prompts.blend: 'circle' is not known; allowed: 'linear' or 'slerp'" in error_of(
        "prompts: {blend: circle}"
    )
