"""ControlNet settings of a schedule file: accepted values, and the messages for others."""

import json

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from animator import SceneError, loads, timeline
from animator.frame import Control
from animator.scene.resolve import to_yaml


def problems(text, folder="."):
    with pytest.raises(SceneError) as caught:
        loads(text, folder)
    return str(caught.value)


def test_scale_start_and_end_are_curves():
    scene = loads(
        "video: {frames: 5}\ncontrol: {edges: {model: a/b, hint: canny, scale: {0: 0, 4: 1}, end: 0.1*t}}"
    )
    rows = [frame.control["edges"] for frame in timeline(scene)]
    assert [row.scale for row in rows] == [0, 0.25, 0.5, 0.75, 1]
    assert rows[3] == Control(0.75, 0.0, pytest.approx(0.3))
    assert timeline(loads("{}"))[0].control == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{edges: {hint: canny}}", "control.edges.model: must be given"),
        (
            "{edges: {model: a/b, hint: cany}}",
            "control.edges.hint: 'cany' is not known; allowed: 'picture', 'canny'",
        ),
        ("{edges: {model: a/b, scael: 1}}", "control.edges.scael: no such setting; did you mean 'scale'?"),
        ("{edges: {model: a/b, scale: 11}}", "control.edges.scale: 11 at frame 0; allowed 0..10"),
        ("{edges: {model: a/b, end: '2*t'}}", "control.edges.end: 2 at frame 1; allowed 0..1"),
        ("{edges: {model: a/b, file: none.png}}", "control.edges.file: no such file"),
        (
            "{edges: {model: a/b, file: a.png, video: a.png}}",
            "control.edges: give either 'file' or 'video', not both",
        ),
        ("{edges: {model: a/b, file: text.png}}", "control.edges.file: cannot be used as an image"),
        ("{edges: {model: a/b, video: text.png}}", "control.edges.video: cannot be used as a video"),
        ("{1e: {model: a/b}}", "'1e' cannot name a ControlNet: use letters, digits and _"),
        (
            "{edges: {model: net.bin}}",
            "control.edges.model: only .safetensors files are loaded; others can run code",
        ),
        ("{edges: {model: net.safetensors}}", "control.edges.model: no such file"),
        ("{edges: {model: a/b, thresholds: [200, 100]}}", "is not a pair of thresholds; write [low, high]"),
    ],
)
def test_each_problem_is_one_line(tmp_path, text, message):
    Pillow.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "text.png").write_text("no picture")
    found = problems(f"video: {{frames: 3}}\ncontrol: {text}", tmp_path)
    assert message in found
    assert found.startswith("<text>:2:")
    assert "\n" not in found


@pytest.mark.parametrize(("base", "width"), [("nano", 160), ("a/b", 2048)])
def test_a_controlnet_for_sd_1_5_is_refused_by_its_header(tmp_path, base, width):
    """The config of a folder and the header of a file say how wide the text is that it reads."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps({"cross_attention_dim": 768}))
    name = "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    save_file({name: torch.zeros(320, 768)}, tmp_path / "old.safetensors")
    save_file({name: torch.zeros(320, width)}, tmp_path / "good.safetensors")
    for model in ("old", "old.safetensors"):
        text = f"model: {{base: {base}}}\ncontrol: {{edges: {{model: {model}, hint: canny}}}}"
        assert problems(text, tmp_path).endswith(
            f"control.edges.model: made for SD 1.x: it reads text embeddings 768 wide, this checkpoint's are {width};"
            " use one for SDXL"
        )
    loads(f"model: {{base: {base}}}\ncontrol: {{edges: {{model: good.safetensors}}}}", tmp_path)


@pytest.mark.parametrize("hint", ["lineart", "openpose"])
def test_a_missing_hint_library_is_reported_with_the_install_command(hint):
    from importlib.util import find_spec

    if find_spec("controlnet_aux") is not None:
        pytest.skip("controlnet-aux is here")
    message = f"control.a.hint: {hint} needs controlnet-aux, which is not installed: pip install 'animator[control]'"
    assert problems(f"control: {{a: {{model: a/b, hint: {hint}}}}}").endswith(message)


def test_a_union_model_needs_the_kind_of_a_ready_made_hint(tmp_path):
    (tmp_path / "union").mkdir()
    (tmp_path / "union" / "config.json").write_text(
        json.dumps({"num_control_type": 6, "cross_attention_dim": 160})
    )
    Pillow.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert "needs to know what the image shows" in problems(
        "control: {a: {model: union, file: a.png}}", tmp_path
    )
    assert "supports 6 kinds of hints, but not this one" in problems("control: {a: {model: union}}", tmp_path)
    scene = loads(
        "control: {a: {model: union, file: a.png, shows: scribble}, b: {model: union, hint: depth}}", tmp_path
    )
    assert [control.mode for control in scene.settings.control.values()] == [2, 1]


def test_a_resolved_file_names_the_model_and_image_by_absolute_paths(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_text("{}")
    Pillow.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    text = "control: {a: {model: net, hint: canny, file: a.png, thresholds: [50, 80]}, b: {model: some/net}}"
    again = loads(to_yaml(loads(text, tmp_path)), "/")
    assert again.settings.control["a"].model == str(tmp_path / "net")
    assert again.settings.control["a"].file == str(tmp_path / "a.png")
    assert again.settings.control["a"].thresholds == (50, 80)
    assert again.settings.control["b"].model == "some/net"


def test_resolving_a_resolved_file_changes_nothing():
    once = to_yaml(
        loads("control: {a: {model: some/net}}\noutput: {upscale: 2}\nmodel: {refiner: some/refiner}")
    )
    assert to_yaml(loads(once)) == once
