"""Mask settings of a schedule file: each problem is one line, before any model is loaded."""

import pytest
from PIL import Image as Pillow

from animator import SceneError, loads, timeline
from animator.runs.video import VideoFormat, VideoWriter
from animator.scene.resolve import to_yaml


def problems(text, folder="."):
    with pytest.raises(SceneError) as caught:
        loads(text, folder)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("masks: {a: {file: no.png}}", "<text>:1:19: masks.a.file: no such file: "),
        ("masks: {a: {}}", "<text>:1:12: masks.a: a mask needs exactly one source of file, alpha, video, polygon, color, luminance, depth, part; none is given"),
        ("masks: {a: {color: '#fff', luminance: [0, 1]}}", "<text>:1:12: masks.a: a mask needs exactly one source of file, alpha, video, polygon, color, luminance, depth, part; not color and luminance"),
        ("masks: {a: {luminance: [0, 1], within: 3}}", "<text>:1:12: masks.a: 'within' belongs to 'color', not to 'luminance'"),
        ("masks: {a: {luminance: [0, 1], after: hold}}", "<text>:1:12: masks.a: 'after' belongs to 'video', not to 'luminance'"),
        ("masks: {a: {polygon: [[0, 0], [1, 1]]}}", "<text>:1:22: masks.a.polygon: a polygon of 2 points; allowed 3..10,000"),
        ("masks: {a: {polygon: [[0, 0], [1, 1], [x, 0]]}}", "<text>:1:22: masks.a.polygon: point 3, \"['x', 0]\", is not two numbers; write [[0.2, 0.3]"),
        ("masks: {a: {polygon: [[0, 0], [100, 1], [1, 0]]}}", "<text>:1:22: masks.a.polygon: point 2, '[100, 1]', lies far outside the image; allowed -10..10"),
        ("masks: {a: {polygon: 3}}", "<text>:1:22: masks.a.polygon: '3' is not a list of points; write [[0.2, 0.3]"),
        ("masks: {a: {color: }}", "<text>:1:12: masks.a: 'color' has no value; a colour needs quotes: color: \"#00ff00\""),
        ("masks: {a: {color: green}}", "<text>:1:20: masks.a.color: 'green' is not a colour; write \"#00ff00\", in quotes"),
        ("masks: {a: {color: '#fff', within: -1}}", "<text>:1:36: masks.a.within: -1: input should be greater than or equal to 0"),
        ("masks: {a: {luminance: [0.5, 0.2]}}", "<text>:1:24: masks.a.luminance: '[0.5, 0.2]' is not a range; write [low, high] with 0 <= low < high <= 1"),
        ("masks: {a: {depth: [0, 0.5]}}", "<text>:1:20: masks.a.depth: the image has no depth; choose a depth source, e.g. motion: {depth: proxy}"),
        ("masks: {a-b: {color: '#fff'}}", "<text>:1:9: masks.a-b: 'a-b' cannot name a mask: use letters, digits and _"),
        ("masks: {everywhere: {color: '#fff'}}", "<text>:1:9: masks.everywhere: 'everywhere' cannot name a mask"),
        ("masks: {a: {fil: x.png, color: '#fff'}}", "<text>:1:13: masks.a.fil: no such setting; did you mean 'file'?"),
        ("masks: {a: 3}", "<text>:1:12: masks.a: 3 is not a group of settings; known: file, alpha, video"),
        ("masks: {a: {color: '#fff', feather: 2000}}", "<text>:1:37: masks.a.feather: 2000: input should be less than or equal to 1000"),
        ("masks: {paper: {color: '#fff'}}\nlock: papr", "<text>:2:7: lock.mask: unknown mask 'papr', at column 1; did you mean 'paper'? (in 'papr')"),
        ("lock: {mask: everywhere, strength: 1.5}", "<text>:1:36: lock.strength: 1.5 at frame 0; allowed 0..1"),
        ("painting: {mask: '!product & everywhere'}", "<text>:1:18: painting.mask: unknown mask 'product', at column 2; known: everywhere (in '!product"),
        ("grade: {mask: {0: everywhere, 4: everywhere -}}", "<text>:1:15: grade.mask: a mask is missing, at column 13"),
        ("lock: everywhere\nmotion: {zoom: 1.5}", "<text>:2:16: motion.zoom: by frame 35 the zoom adds up to more than a millionfold: masks cannot follow that far"),
        ("lock: 3", "<text>:1:7: lock: 3 is not a group of settings; known: mask, strength, feather"),
    ],
)  # fmt: skip
def test_each_problem_of_a_mask_is_one_line(text, line):
    found = problems(text)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_unreadable_files_are_reported_before_the_model_is_loaded(tmp_path):
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "no.mp4").write_text("no video")
    Pillow.new("RGB", (8, 8)).save(tmp_path / "opaque.png")
    text = "masks:\n  a: {file: no.png}\n  b: {video: no.mp4}\n  c: {alpha: opaque.png}\n"
    a, b, c = problems(text, tmp_path)
    assert a.startswith("<text>:2:13: masks.a.file: cannot be used as an image: ")
    assert b.startswith("<text>:3:14: masks.b.video: cannot be used as a video: ")
    assert c == (
        "<text>:4:14: masks.c.alpha: cannot be used as an image: it has no transparency, so everything would be"
        " in the mask; use 'file' to read its grey"
    )


def test_a_video_shorter_than_the_film_needs_the_setting_after(tmp_path, textured):
    with VideoWriter(tmp_path / "a.mp4", VideoFormat(96, 80, 24.0)) as sink:
        for _ in range(12):
            sink.write(textured)
    text = "video: {frames: 24}\nmasks: {a: {video: a.mp4}}\n"
    assert problems(text, tmp_path) == [
        "<text>:2:20: masks.a.video: cannot be used as a video: it has 12 frames, the film has 24; "
        "add 'after: hold' or 'after: loop' for the rest"
    ]
    assert loads(text.replace("24", "12"), tmp_path)
    assert loads(text.replace("a.mp4", "a.mp4, after: loop"), tmp_path)


def test_a_resolved_file_has_the_same_masks_in_any_folder(tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    text = (
        "masks: {a: {file: a.png, feather: 0.01}, b: {polygon: [[0, 0], [1, 0], [1, 1]], follow: false},"
        " c: {color: '#0f0'}}\nlock: a - b\npainting: {mask: {0: '!a', 3: '!a & c'}}\ngrade: {mask: c}\n"
    )
    scene = loads(text, tmp_path)
    again = loads(to_yaml(scene), "/")
    assert again.settings.masks["a"].file == str(tmp_path / "a.png")
    assert again.settings.masks["b"] == scene.settings.masks["b"]
    assert timeline(again) == timeline(scene)
    assert [frame.painting.mask for frame in timeline(again)[2:4]] == ["!a", "!a & c"]


def test_a_lock_may_be_written_in_one_word():
    short, long = (timeline(loads(f"lock: {text}"))[0].lock for text in ("everywhere", "{mask: everywhere}"))
    assert short == long
    assert (short.mask, short.strength) == ("everywhere", 1.0)


def test_lock_true_locks_the_mask_named_product():
    text = "masks: {product: {polygon: [[0.2, 0.2], [0.8, 0.2], [0.5, 0.9]]}}\n"
    assert timeline(loads(text + "lock: true"))[0].lock.mask == "product"
    assert timeline(loads(text + "lock: false"))[0].lock.mask == ""
