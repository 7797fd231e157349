"""Validation: every problem at once, each with its place, its setting, the mistake and the allowed values."""

import time

import numpy as np
import pytest
from PIL import Image as Pillow
from safetensors.numpy import save_file

from animator import SceneError, loads
from animator.scene.resolve import to_yaml


def problems(text):
    with pytest.raises(SceneError) as caught:
        loads(text)
    return str(caught.value).splitlines()


def test_problems_of_every_kind_are_reported_at_once(tmp_path):
    (tmp_path / "no.png").write_text("no picture")
    text = (
        "vars: {p: mug}\nmotion: {zom: 1, angle: sine(t), angle: 2}\npainting: {strength: 2, seed: {start: x}}\n"
        "prompts: {at: '{q}'}\nloras: {a: 1}\nstart: {image: no.png}\n"
    )
    with pytest.raises(SceneError) as caught:
        loads(text, tmp_path)
    found = [".".join(problem.path) for problem in caught.value.problems]
    expected = [
        "motion.zom", "motion.angle", "motion.angle", "painting.strength", "painting.seed.start", "prompts.at", "loras.a",
        "start.image",
    ]  # fmt: skip
    assert found == expected


def test_a_long_list_of_problems_is_cut_short():
    text = "\n".join(f"nonsense{i}: 1" for i in range(5_000))
    assert len(problems(text)) <= 51


def test_problems_are_reported_in_the_order_of_the_file():
    assert problems(
        "motion: {zom: 1.02}\nvideo: {fps: fast}\nmotionn: 3\npainting: {seed: {behavior: foo}}\n"
    ) == [
        "<text>:1:10: motion.zom: no such setting; did you mean 'zoom'?",
        "<text>:2:14: video.fps: 'fast' is not a number",
        "<text>:3:1: motionn: no such setting; did you mean 'motion'?",
        "<text>:4:29: painting.seed.behavior: 'foo' is not known; "
        "allowed: 'iter', 'fixed', 'ladder', 'alternate', 'random' or 'schedule'",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("video: {size: 15x15}", "<text>:1:15: video.size: '15x15': width and height must be even, 16..8192"),
        (
            "video: {size: big}",
            "<text>:1:15: video.size: 'big' is not a size; write pixels as 1024x1024 or a ratio",
        ),
        (
            "video: {frames: 4, duration: 2s}",
            "<text>:1:30: video.duration: give either 'frames' or 'duration'",
        ),
        (
            "video: {duration: soon}",
            "<text>:1:19: video.duration: 'soon' is not a length; write seconds, e.g. 6s",
        ),
        (
            "video: {duration: 9999s, fps: 30}",
            "<text>:1:19: video.duration: 299,970 frames; allowed 1..200,000",
        ),
        ("video: {duration: [1]}", "<text>:1:19: video.duration: [1] is not a text or a number"),
        ("prompts: {travel: true}", "<text>:1:19: prompts.travel: True is not a text or a number"),
        (
            "vars: {a: {b: 1}}",
            "<text>:1:15: vars.a.b: no such setting; known: type, default, description, one_of",
        ),
        ("video: {frames: 2.5}", "<text>:1:17: video.frames: 2.5 is not a whole number"),
        ("cadence: 0", "<text>:1:10: cadence: 0: input should be greater than or equal to 1"),
        (
            "output: no",
            "<text>:1:9: output: 'no' is not a group of settings; known: upscale, interpolate, format, codec, quality, crf, also, frame, mask, max_size, repeat, poster",
        ),
        (
            "motion: {zoom: true}",
            "<text>:1:16: motion.zoom: True is not a number, an expression, a key string",
        ),
        ("motion: {zoom: }", "<text>:1:15: motion.zoom: None is not a number"),
        ("motion: {zoom: {}}", "<text>:1:16: motion.zoom: no keyframes; write at least one"),
        ("motion: {zoom: {0: [1]}}", "<text>:1:20: motion.zoom.0: '[1]' is not a number"),
        ("motion: {zoom: {0: true}}", "<text>:1:20: motion.zoom.0: True is not a number"),
        ("motion: {zoom: {0: {val: 1}}}", "<text>:1:20: motion.zoom.0: write it as {value: 1.1, ease:"),
        ("motion: {zoom: ''}", "<text>:1:16: motion.zoom: an empty text is not a value"),
        ("video: {frames: true}", "<text>:1:17: video.frames: True is not a number"),
        ("video: {frames: '1_0'}", "<text>:1:17: video.frames: '1_0' is not a number"),
        (
            "video: {fps: 0.001}",
            "<text>:1:14: video.fps: 0.001: input should be greater than or equal to 0.1",
        ),
        ("cadence: true", "<text>:1:10: cadence: True is not a number"),
        (
            "prompts: {at: a mug, white background}",
            "<text>:1:22: prompts.white background: no such setting; a text with a comma",
        ),
        ("prompts: {travel: -5}", "<text>:1:19: prompts.travel: '-5' is not a duration"),
        ("motion: {center_x: 512}", "<text>:1:20: motion.center_x: 512 at frame 0; allowed -10..10"),
        (
            "painting: {sampler: LCM, steps: 60}",
            "<text>:1:33: painting.steps: 60 at frame 0; LCM runs at most 50",
        ),
        (
            "prompts: {at: " + "x" * 4001 + "}",
            "<text>:1:15: prompts.at: a prompt of 4,001 characters; at most 4,000",
        ),
        ("start: {image: ~nosuch/x.png}", "<text>:1:16: start.image: no such file: "),
        ("start: {image: " + "x" * 5000 + "}", "<text>:1:16: start.image: no such file: "),
        ("prompts: {at: {0: 3}}", "<text>:1:15: prompts.at: {'0': 3} is not a text or keyframes of texts"),
        (
            "loras: {a: 1}",
            "<text>:1:12: loras.a: no LoRA of that name in model.loras; none are declared there",
        ),
        ("model: {loras: {b: {fil: x}}}", "<text>:1:20: model.loras.b.file: must be given"),
        (
            "model: {loras: {b: {file: x.ckpt}}}",
            "<text>:1:27: model.loras.b.file: 'x.ckpt': only .safetensors",
        ),
        ("model: {loras: {b: {file: x.safetensors}}}", "<text>:1:27: model.loras.b.file: no such file: "),
        ("start: {image: gone.png}", "<text>:1:16: start.image: no such file: "),
        (
            "painting: {seed: {at: 3}}",
            "<text>:1:18: painting.seed: 'behavior: schedule' and 'at:' belong together",
        ),
        ("sound: {file: a.wav}", "<text>:1:1: sound: no such setting; known: vars, video"),
    ],
)
def test_a_wrong_value_is_one_line(text, line):
    assert any(found.startswith(line) for found in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("video", "frames"),
    [("{}", 96), ("{fps: 10}", 40), ("{duration: 6s}", 144), ("{frames: 7}", 7), ("{duration: .5}", 12)],
)
def test_the_length_is_frames_or_seconds(video, frames):
    assert loads(f"video: {video}").frames == frames


def test_the_config_of_a_folder_gives_the_native_size(tmp_path):
    config = tmp_path / "mine" / "unet" / "config.json"
    config.parent.mkdir(parents=True)
    for text, width in (
        ('{"sample_size": 96}', 768),
        ("{}", 1024),
        ("[", 1024),
        ('{"sample_size": -1e999}', 1024),
        ("[" * 9999, 1024),
        ('{"sample_size": [4, 4]}', 1024),
    ):
        config.write_text(text)
        assert loads("model: {base: mine}", tmp_path).native_size == width
    config.write_text('{"sample_size": 32}')
    assert loads("model: {base: mine}\nvideo: {size: 16:9}", tmp_path).size == (336, 192)
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "one.safetensors")
    assert loads("model: {base: one.safetensors, config: mine}", tmp_path).native_size == 256


@pytest.mark.parametrize(
    ("video", "base", "size"),
    [
        ("{}", "nano", (256, 256)),
        ("{}", "org/sdxl", (1024, 1024)),
        ("{size: 16:9}", "org/sdxl", (1344, 768)),
        ("{size: 9:16}", "org/sdxl", (768, 1344)),
        ("{size: 16:9}", "nano", (336, 192)),
        ("{size: 130x98}", "nano", (130, 98)),
        ("{}", "stabilityai/sdxl-turbo", (512, 512)),
    ],
)
def test_the_size_is_pixels_or_the_nearest_trained_size_of_the_model(video, base, size):
    assert loads(f"video: {video}\nmodel: {{base: {base}}}").size == size


def test_a_resolved_scene_is_the_same_scene(tmp_path):
    Pillow.new("RGB", (4, 4)).save(tmp_path / "start.png")
    text = (
        "vars: {x: 1e3}\nvideo: {size: 16:9, duration: 2s, fps: 23.976}\nstart: {image: start.png}\n"
        "prompts: {at: {0: '1e3', 50%: 'no', end: 'null: {x} {{x}} {a|b}'}, travel: 0.5s}\n"
        "motion: {zoom: '0:(1.0), 30:(1.04)', angle: {0: 2, 1s: {value: 4, ease: out-cubic}, 30: 't'}}\n"
        "painting: {seed: 7, strength: '0.4'}\n"
    )
    scene = loads(text, tmp_path)
    again = loads(to_yaml(scene), "/")
    assert to_yaml(again) == to_yaml(scene)
    assert (again.frames, again.size) == (scene.frames, scene.size)
    assert again.settings.prompts == scene.settings.prompts
    assert again.settings.motion.given() == {
        **again.settings.motion.given(),
        **scene.settings.motion.given(),
    }
    assert again.file(("start", "image"), again.settings.start.image) == tmp_path / "start.png"


@pytest.mark.slow
def test_a_file_of_unknown_settings_is_refused_quickly():
    started = time.process_time()
    assert "a0: no such setting" in problems("\n".join(f"a{i}: 1" for i in range(20_000)))[0]
    assert time.process_time() - started < 10  # when each was taken out by itself, a minute


@pytest.mark.parametrize(
    "model", ["{loras: 0}", "{loras: null}", "{loras: [a]}", "3", "null", "[a]", "{loras: a}"]
)
def test_a_lora_is_reported_if_the_model_section_has_the_wrong_type(model):
    assert any(
        "loras.a: no LoRA of that name" in line for line in problems(f"model: {model}\nloras: {{a: 1}}")
    )


def test_samplers_without_keyframes_are_reported():
    assert problems("painting: {sampler: {}}") == [
        "<text>:1:21: painting.sampler: no keyframes; write at least one, e.g. {0: Euler}"
    ]


def test_a_message_quotes_at_most_a_line_of_the_file():
    text = "prompts: {at: [" + "kettle, " * 500 + "]}\nvideo: {fps: [" + "1, " * 500 + "]}"
    assert max(map(len, problems(text))) < 300


def test_a_film_too_long_for_the_memory_is_refused_before_its_curves_are_sampled():
    text = "video: {duration: 999999s, fps: 240}\nmotion: {zoom: 1 + sin(t)}"  # a quarter of a billion frames
    assert problems(text) == ["<text>:1:19: video.duration: 239,999,760 frames; allowed 1..200,000"]


def test_variables_that_would_fill_the_memory_are_refused():
    text = f"vars: {{a: {'b' * 1000}}}\nprompts: {{at: '{'{a}' * 2_000}'}}"
    assert "variables fill in more than 1,000,000 characters" in problems(text)[0]


def test_an_unquoted_key_string_in_braces_is_reported():
    assert "a text with a comma inside { } needs quotes" in problems("motion: {zoom: 0:(1.0), 30:(1.04)}")[0]
