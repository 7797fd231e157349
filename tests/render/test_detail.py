"""The detail pass: the parts it paints, their size, and no change elsewhere."""

import numpy as np
import pytest

from animator import SceneError, animate, loads, timeline
from animator.models.painter import NO_HINTS, Painter
from animator.render.painter import FlatPainter
from animator.viewer import preview
from tests.films import texture

EYES = "masks: {left: {polygon: [[0.1, 0.1], [0.3, 0.1], [0.3, 0.4], [0.1, 0.4]]}, right: {polygon: [[0.6, 0.5], [0.9, 0.5], [0.9, 0.9], [0.6, 0.9]]}}\n"


class Recorder(Painter):
    """Paints a texture, and grey over parts of it; records its calls."""

    capabilities = frozenset({"mask"})

    def __init__(self, first):
        self.first, self.asked = first, []

    def paint(self, frame, start, *, mask=None, hints=NO_HINTS):
        self.asked.append((frame, start, mask))
        whole = mask is None and (start is None or start.shape == self.first.shape)
        return self.first if whole else np.full_like(start, 200)


@pytest.fixture
def painted():
    """Return a function that renders a film with a detail pass: its images, painter and scene."""

    def made(detail, more="", frames=2):
        scene = loads(f"video: {{size: 96x80, frames: {frames}}}\n{EYES}detail: {detail}\n{more}")
        painter = Recorder(texture(96, 80))
        return [state.shown for _, state in animate(scene, paint=painter)], painter, scene

    return made


def test_each_part_is_painted_separately_at_a_larger_size_and_nothing_else_changes(painted):
    shown, painter, scene = painted("{mask: left | right, scale: 2, strength: 0.4, padding: 0}", frames=1)
    parts = [(start.shape[:2], frame.painting) for frame, start, mask in painter.asked if mask is not None]
    assert [size for size, _ in parts] == [(48, 40), (64, 64)]
    assert {painting.strength for _, painting in parts} == {0.4}
    assert len({painting.mask for _, painting in parts}) == 1
    from animator.imaging import masks

    drawn = np.maximum(
        *(masks.polygon_mask(scene.settings.masks[name].polygon, 96, 80) for name in ("left", "right"))
    )
    assert (shown[0][drawn == 0] == texture(96, 80)[drawn == 0]).all()
    assert (shown[0][drawn == 255] == 200).all()


def test_the_detail_pass_starts_from_the_painted_frame(painted):
    _, painter, _ = painted("{mask: left, scale: 1, padding: 0.5}", frames=1)
    _, start, mask = painter.asked[1]
    rows, columns = start.shape[:2]
    assert rows % 8 == columns % 8 == 0
    assert 0.1 < (mask == 255).mean() < 0.5
    assert start.std() == pytest.approx(texture(96, 80).std(), rel=0.2)


def test_detail_settings_are_curves_and_strength_0_skips_the_pass(painted):
    shown, painter, scene = painted("{mask: left, strength: {0: 0, 2: 0.8}, scale: {0: 1, 2: 3}}", frames=3)
    parts = [
        (frame.index, frame.painting.strength, start.shape)
        for frame, start, mask in painter.asked
        if mask is not None
    ]
    assert [(index, strength) for index, strength, _ in parts] == [(1, 0.4), (2, 0.8)]
    assert parts[1][2][0] > parts[0][2][0]
    assert [frame.detail.scale for frame in timeline(scene)] == [1, 2, 3]
    assert (shown[0] == texture(96, 80)).all()


def test_the_detail_pass_can_have_its_own_prompt(painted):
    for more, words in (("", "a mug"), (", prompt: a logo", "a logo")):
        _, painter, _ = painted(f"{{mask: left{more}}}", "prompts: {at: a mug, negative: blur}", frames=1)
        assert [
            (frame.prompt.text, frame.prompt.negative) for frame, _, mask in painter.asked if mask is not None
        ] == [(words, "blur")]
        assert painter.asked[0][0].prompt.text == "a mug"


def test_no_part_is_larger_than_four_times_what_the_model_was_trained_on(painted):
    scene = loads("video: {size: 512x512, frames: 1}\ndetail: {mask: everywhere, scale: 8}")
    painter = Recorder(texture(512, 512))
    list(animate(scene, paint=painter))
    assert [start.shape for _, start, mask in painter.asked if mask is not None] == [(512, 512, 3)]


def test_a_custom_painter_without_masks_is_pasted_through_the_mask():
    scene = loads(f"video: {{size: 96x80, frames: 1}}\n{EYES}detail: {{mask: left, strength: 1}}")
    image = texture(96, 80)
    shown = next(animate(scene, paint=FlatPainter(image)))[1].shown
    changed = (shown != image).any(axis=-1)
    assert changed[12:28, 14:26].all()
    assert not changed[:, 40:].any()


def test_the_detail_pass_changes_sdxl_frames_inside_the_mask(film, checkpoint):
    found = {}
    for strength in (0, 0.6):
        text_now = (
            EYES
            + f"painting: {{steps: 3}}\nvideo: {{size: 96x80, frames: 1}}\ndetail: {{mask: right, strength: {strength}}}"
        )
        found[strength] = next(animate(film(text_now)))[1].shown
    changed = (found[0] != found[0.6]).any(axis=-1)
    assert changed[44:68, 62:82].mean() > 0.9
    assert not changed[:36].any()
    assert not changed[:, :50].any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{mask: lefft}", "detail.mask: unknown mask 'lefft', at column 1; did you mean 'left'?"),
        ("{mask: left, strength: 2}", "detail.strength: 2 at frame 0; allowed 0..1"),
        ("{mask: left, scale: 0.5}", "detail.scale: 0.5 at frame 0; allowed 1..8"),
    ],
)
def test_a_wrong_detail_setting_gives_a_one_line_message(text, message):
    with pytest.raises(SceneError) as caught:
        loads(f"{EYES}detail: {text}")
    assert message in str(caught.value)


def test_a_preview_skips_the_detail_pass():
    scene = loads(f"video: {{size: 96x80, frames: 2}}\n{EYES}detail: {{mask: left, strength: 1}}")
    assert len(list(preview.preview(scene))) == 2
