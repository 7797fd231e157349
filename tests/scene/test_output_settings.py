"""Output settings of a schedule file, and the messages for mistakes."""

import pytest

from animator import SceneError, loads, timeline
from animator.errors import CurveError
from animator.scene.resolve import to_yaml
from animator.scene.settings_output import DELIVERABLES, deliverable_file, parse_bytes, parse_shape
from animator.timeline import deliverables
from animator.timeline.compile import scene_advice

MASKS = "masks: {mug: {color: '#f00'}, floor: {luminance: [0, 0.5]}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output: {also: [giff]}", "1:16: output.also: 'giff' is not a kind of output; did you mean 'gif'?"),
        ("output: {also: 3}", "1:16: output.also: 3 is not a list such as [gif, poster, sheet]"),
        ("output: {also: [srt@9x16], frame: [9x16]}", "output.also: 'srt' is the same for every shape; write 'srt' alone"),
        ("output: {also: [gif, gif@9x16]}", "1:22: output.also.1: no shape '9x16' in output.frame; write output: {frame: {9x16: {}}}"),
        ("output: {also: gif@9x61, frame: [9x16]}", "no shape '9x61' in output.frame; did you mean '9x16'?"),
        ("output: {codec: vp9}", "output.codec: 'vp9' is not known; allowed: 'h264', 'h265' or 'av1'"),
        ("output: {quality: great}", "output.quality: 'great' is not known; allowed: 'draft', 'good' or 'best'"),
        ("output: {crf: 60}", "1:15: output.crf: 60; allowed for h264: 0..51"),
        ("output: {max_size: 8 apples}", "'8 apples' is not the size of a file; write 8MB, 500kB or none"),
        ("output: {max_size: 0MB}", "'0MB' is not the size of a file"),
        ("output: {frame: [tall]}", "'tall' is not a shape; write a ratio as 9x16, or pixels as 1080x1920"),
        ("output: {frame: [1081x1920]}", "1081x1920: width and height must be even, 16..8192"),
        ("output: {frame: {9x16: {x: 2}}}", "1:28: output.frame.9x16.x: 2 at frame 0; allowed 0..1"),
        ("output: {frame: {9x16: {x: sine(t)}}}", "unknown function 'sine'; did you mean 'sin'?"),
        ("output: {frame: {9x16: {zoom: 0.5}}}", "0.5 at frame 0; allowed 1..20"),
        ("output: {frame: {9x16: {left: 0.5}}}", "output.frame.9x16.left: no such setting; known: follow, x, y, zoom"),
        ("output: {frame: {9x16: {follow: mug}}}", "output.frame.9x16.follow: unknown mask 'mug'"),
        ("output: {poster: 9s}", "1:18: output.poster: frame 216 is outside the film's 0..95"),
        ("output: {poster: soon}", "'soon' is not a time"),
        ("output: {also: [prores-alpha]}", "output.also: there is no mask to cut out with; write one, e.g. masks: {product:"),
        (MASKS + "output: {also: [prores-alpha]}", "no mask is chosen; write output: {mask: …} with one of mug, floor"),
        (MASKS + "output: {mask: cup}", "2:16: output.mask: unknown mask 'cup'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_the_allowed_values(text, message):
    with pytest.raises(SceneError) as caught:
        loads(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_kind_of_output_has_its_own_file_name():
    kinds = list(DELIVERABLES)
    assert len({deliverable_file(kind) for kind in kinds}) == len(kinds)
    assert [deliverable_file(word) for word in ("gif", "gif@9x16", "h265@1080x1920", "poster-alpha@1x1")] == [
        "video.gif", "video-9x16.gif", "video-h265-1080x1920.mp4", "cutout-1x1.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("8MB", 8_000_000),
        ("500kB", 500_000),
        ("1.5 M", 1_500_000),
        (2000, 2000),
        ("1GB", 10**9),
        ("none", None),
    ],
)
def test_file_sizes_are_parsed_to_bytes(text, count):
    assert parse_bytes(text) == count


def test_shapes_are_ratios_or_pixels():
    assert parse_shape("9:16") == parse_shape("9x16") == (9, 16)
    assert parse_shape("1080x1920") == (1080, 1920)
    assert parse_shape("2.39x1") == (2.39, 1)
    assert parse_shape("1x40") is parse_shape("0x4") is parse_shape("wide") is None


@pytest.mark.parametrize("written", ["[9x16, '1:1']", "{9:16: , 1x1: {}}", "{'9:16': {x: 0.5}, 1x1: {}}"])
def test_each_shape_adds_a_video_to_the_named_outputs(written):
    scene = loads(f"output: {{also: [gif@9:16, gif, gif], frame: {written}}}")
    assert deliverables.requested(scene) == ["mp4@9x16", "mp4@1x1", "gif@9x16", "gif"]


def test_crop_settings_are_curves():
    scene = loads("video: {frames: 25}\noutput: {frame: {9x16: {x: {0: 0.2, end: 0.8}, zoom: 1 + p}}}")
    found = deliverables.shape_framings(scene, "9x16")
    assert (found[0].x, found[12].x, found[24].x) == pytest.approx((0.2, 0.5, 0.8))
    assert (found[12].y, found[12].zoom) == (0.5, 1.5)
    late = loads("video: {frames: 25}\noutput: {frame: {9x16: {x: {0: 0.2, 40: 0.8}}}}")
    assert "key 40 is frame 40, outside the film's 0..24" in str(scene_advice(late)[0])


@pytest.mark.parametrize(
    ("masks", "more", "found"),
    [("product: {color: '#f00'}, floor: {luminance: [0, 1]}", "", "product"), ("mug: {color: '#f00'}", "", "mug"),
     ("mug: {color: '#f00'}", ", mask: '!mug'", "!mug")],
)  # fmt: skip
def test_the_cutout_mask_is_the_named_one_or_product_or_the_only_one(masks, more, found):
    assert (
        deliverables.cutout_mask(loads(f"masks: {{{masks}}}\noutput: {{also: [webm-alpha]{more}}}")) == found
    )
    with pytest.raises(CurveError, match="there is no mask"):
        deliverables.cutout_mask(loads("motion: {zoom: 1}"))


def test_a_resolved_file_has_the_same_outputs_and_frames():
    text = "video: {frames: 8}\noutput: {also: [gif@9x16, sheet], codec: h265, quality: best, frame: {9:16: {x: 0.3}}}"
    scene = loads(text)
    again = loads(to_yaml(scene))
    assert again.settings.output == scene.settings.output
    assert timeline(again) == timeline(loads("video: {frames: 8}"))
