"""Masks in the film: locked pixels stay, unmasked pixels do not change, at any cadence."""

from functools import partial

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import RunError, State, animate, loads, timeline
from animator.imaging import masks
from animator.imaging.cameras import Camera2D
from animator.render.camera import make_camera
from animator.render.painter import FlatPainter

SQUARE = "[[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]"
SIZE = (96, 80)


@pytest.fixture
def begin(tmp_path, textured):
    """Return a function that makes a scene of 96x80, with a start image unless `started` is false."""
    Pillow.fromarray(textured).save(tmp_path / "start.png")

    def begun(text, frames=100, started=True):
        start = "start: {image: start.png}\n" if started else ""
        return loads(f"video: {{frames: {frames}, size: 96x80}}\n{start}{text}", tmp_path)

    return begun


def paint(frame, start):
    """Paint a different image on every frame, so noisy that it is visible wherever it shows through."""
    random = np.random.default_rng(frame.seed)
    return random.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


def views(scene):
    """Yield for each frame a warp from the first image to it, and the mask of the pixels that it covers."""
    camera, view = Camera2D(*SIZE), np.eye(3)
    white = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    for frame in timeline(scene):
        view = camera.matrix(frame.motion) @ view if frame.index else view
        visible = camera.with_border("black").warp_like(white, State(), view)[..., 0] == 255
        yield partial(camera.warp_like, state=State(), view=view), visible


@pytest.mark.parametrize("cadence", [1, 3])
@pytest.mark.parametrize("strength", ["0.6", "0.6 if t < 40 or t > 60 else 0"])
@pytest.mark.parametrize("started", [True, False])
def test_locked_pixels_are_those_of_the_first_image_in_every_frame(begin, cadence, strength, started):
    scene = begin(
        f"masks: {{product: {{polygon: {SQUARE}}}}}\nlock: product\npainting: {{strength: '{strength}'}}\n"
        f"cadence: {cadence}\nmotion: {{zoom: 1.004, angle: 0.5, translation_x: 0.3*cos(t/9)}}",
        started=started,
    )
    shown = [state.shown for _, state in animate(scene, paint=paint)]
    with Pillow.open(scene.folder / "start.png") as image:
        source = np.asarray(image) if started else shown[0]
    product = np.repeat(
        masks.polygon_mask(scene.settings.masks["product"].polygon, *SIZE)[..., None], 3, axis=-1
    )
    assert len(shown) == 100
    for i, (image, (moved, visible)) in enumerate(zip(shown, views(scene), strict=True)):
        locked = (moved(product)[..., 0] == 255) & visible
        assert locked.sum() > 500
        difference = np.abs(image.astype(int) - moved(source))[locked]
        assert difference.max() <= 1, i
        outside = moved(product)[..., 0] == 0
        assert np.abs(image.astype(int) - moved(source))[outside].mean() > 10 or i == 0


@pytest.mark.parametrize("motion", ["rotation_3d_y: 0.5", "depth: proxy, orbit_y: 0.6, translation_z: 0.4"])
def test_the_lock_follows_the_3d_and_the_depth_camera(begin, motion):
    scene = begin(f"masks: {{a: {{polygon: {SQUARE}}}}}\nlock: a\ncadence: 2\nmotion: {{{motion}}}", 20)
    with Pillow.open(scene.folder / "start.png") as image:
        source = np.asarray(image)
    frames, view = timeline(scene), make_camera(scene, timeline(scene)).identity
    camera = make_camera(scene, frames)
    product = np.repeat(masks.polygon_mask(scene.settings.masks["a"].polygon, *SIZE)[..., None], 3, axis=-1)
    state = camera.after_painting(source, frames[0], State())
    for frame, after in animate(scene, paint=paint):
        view = camera.matrix(frame.motion) @ view if frame.index else view
        locked = camera.warp_like(product, state, view)[..., 0] == 255
        locked &= (
            camera.with_border("black").warp_like(np.full_like(product, 255), state, view)[..., 0] == 255
        )
        assert locked.sum() > 500
        assert np.abs(after.shown.astype(int) - camera.render_view(state, view))[locked].max() <= 1
    assert np.abs(camera.render_view(state, view).astype(int) - source).mean() > 5


def test_the_lock_fades_out_over_its_feather(begin, textured):
    text = f"masks: {{product: {{polygon: {SQUARE}}}}}\nlock: {{mask: product, feather: 6}}\n"
    hard = begin(text.replace("6}", "0}"), 2)
    (_, soft), (_, sharp) = [list(animate(scene, paint=paint))[1] for scene in (begin(text, 2), hard)]
    painted = paint(timeline(hard)[1], None)
    drawn = masks.polygon_mask(hard.settings.masks["product"].polygon, *SIZE)
    assert (sharp.shown[drawn == 0] == painted[drawn == 0]).all()
    ring = (masks.grow_mask(textured, drawn, 3)[1] > 0) & (drawn == 0)
    changed = (soft.shown != painted).any(axis=-1)
    assert changed[ring].mean() > 0.9
    far = masks.grow_mask(textured, drawn, 7)[1] == 0
    assert (soft.shown[far] == painted[far]).all()


def test_lock_strength_blends_locked_pixels_with_the_painted_ones(begin, textured):
    scene = begin("lock: {mask: everywhere, strength: {0: 1, 2: 0}}", 3)
    shown = [state.shown for _, state in animate(scene, paint=paint)]
    frames = timeline(scene)
    assert (shown[0] == textured).all()
    assert (shown[2] == paint(frames[2], None)).all()
    half = (textured.astype(float) + paint(frames[1], None)) / 2
    assert np.abs(shown[1] - half).max() <= 1


def test_pixels_outside_the_first_image_are_not_locked(begin):
    scene = begin("lock: everywhere\nmotion: {translation_x: 20}", 3)
    images = [state.shown for _, state in animate(scene, paint=paint)]
    assert (images[2][:, :38] == paint(timeline(scene)[2], None)[:, :38]).all()


def test_the_soft_edge_of_the_lock_is_not_applied_twice_between_painted_frames(begin):
    """With a still camera, a painted frame and one that is only warped look alike at any strength of the lock."""
    scene = begin("lock: {mask: everywhere, strength: 0.5}\npainting: {strength: '0.5 if t < 2 else 0'}", 4)
    shown = [state.shown for _, state in animate(scene, paint=paint)]
    assert (shown[1] == shown[3]).all()


def test_unmasked_pixels_are_kept_exactly_and_masked_ones_are_painted(begin, textured):
    scene = begin(
        f"masks: {{a: {{polygon: {SQUARE}}}}}\npainting: {{mask: '!a'}}\ngrade: {{noise: 0.3, contrast: 1.5}}",
        5,
    )
    drawn = masks.polygon_mask(scene.settings.masks["a"].polygon, *SIZE)
    shown = [
        state.shown for _, state in animate(scene, paint=lambda f, s: textured if s is None else paint(f, s))
    ]
    for frame, image in zip(timeline(scene)[1:], shown[1:], strict=True):
        assert (image[drawn == 255] == textured[drawn == 255]).all()
        assert (image[drawn == 0] == paint(frame, None)[drawn == 0]).all()


def test_noise_and_colour_matching_are_bounded_by_the_grade_mask(begin, textured):
    scene = begin(
        f"masks: {{a: {{polygon: {SQUARE}}}}}\ngrade: {{noise: 0.3, color: lab, contrast: 1.4, mask: a}}", 2
    )
    drawn = masks.polygon_mask(scene.settings.masks["a"].polygon, *SIZE)
    starts = []
    list(animate(scene, paint=lambda f, s: starts.append(s) or textured))
    assert (starts[1][drawn == 0] == textured[drawn == 0]).all()
    assert (starts[1][drawn == 255] != textured[drawn == 255]).mean() > 0.8


def test_grade_mask_everywhere_overrides_the_painting_mask(begin, textured):
    starts = []
    for mask in ("", "everywhere"):
        scene = begin(
            f"masks: {{a: {{polygon: {SQUARE}}}}}\npainting: {{mask: a}}\ngrade: {{noise: 0.3, mask: '{mask}'}}",
            2,
        )
        list(animate(scene, paint=lambda f, s: starts.append(s) or textured))
    drawn = masks.polygon_mask(scene.settings.masks["a"].polygon, *SIZE)
    assert (starts[1][drawn == 0] == textured[drawn == 0]).all()
    assert (starts[3][drawn == 0] != textured[drawn == 0]).any()


def test_a_following_mask_is_its_source_warped_once_and_a_fixed_one_stays(begin, textured):
    text = "masks: {{a: {{polygon: {0}, follow: {1}}}}}\npainting: {{mask: a}}\nmotion: {{translation_x: 3}}"
    drawn = masks.polygon_mask([(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)], *SIZE)
    for follow in (True, False):
        scene = begin(text.format(SQUARE, str(follow).lower()), 6)
        black = lambda f, s: textured if s is None else np.zeros_like(s)  # noqa: E731
        for frame, state in animate(scene, paint=black):
            masked = np.roll(drawn, 3 * frame.index if follow else 0, axis=1) == 255
            painted = state.shown.max(axis=-1) == 0
            if frame.index:
                assert painted[masked].all()
                assert abs(painted.any(axis=0).argmax() - masked.any(axis=0).argmax()) <= 1


def test_colours_are_keyed_in_the_start_image_or_else_in_the_first_painted_frame(begin):
    green = np.full((80, 96, 3), 200, np.uint8)
    green[20:60, 30:70] = (0, 255, 0)
    text = "masks: {a: {color: '#00ff00', within: 10}}\npainting: {mask: '!a'}"
    for started in (True, False):
        scene = begin(text, 3, started)
        Pillow.fromarray(green).save(scene.folder / "start.png")
        last = list(animate(scene, paint=lambda f, s: green if s is None else paint(f, s)))[-1][1].shown
        assert (last[20:60, 30:70] == (0, 255, 0)).all()
        assert (last[:20] == paint(timeline(scene)[-1], None)[:20]).all()


def test_a_video_masks_each_frame_by_its_own_image_and_then_holds_or_loops(begin, textured):
    from animator.runs.video import VideoFormat, VideoWriter

    scene = begin("")
    with VideoWriter(scene.folder / "a.mp4", VideoFormat(96, 80, 24.0, crf=1)) as sink:
        for i in range(4):
            image = np.zeros((80, 96, 3), np.uint8)
            image[:, 24 * i : 24 * i + 24] = 255
            sink.write(image)
    for after, column in (("hold", 3), ("loop", 1)):
        scene = begin(
            f"masks: {{a: {{video: a.mp4, after: {after}, follow: false}}}}\npainting: {{mask: a}}", 6
        )
        films = list(animate(scene, paint=lambda f, s: np.full_like(textured, 7 * f.index)))
        for index, part in ((2, 2), (5, column)):
            assert (
                np.abs(films[index][1].shown[:, 24 * part + 4 : 24 * part + 20].astype(int) - 7 * index).max()
                <= 1
            )
        (scene.folder / "a.mp4").rename(scene.folder / "b.mp4")
        with pytest.raises(RunError, match="can no longer be used as a mask"):
            list(animate(scene, paint=paint))
        (scene.folder / "b.mp4").rename(scene.folder / "a.mp4")


def test_near_surfaces_are_masked_by_the_depth_of_the_camera(begin, textured):
    wedge = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (80, 1))  # white is near
    scene = begin("masks: {a: {depth: [0, 0.5]}}\npainting: {mask: a}\nmotion: {depth: start.png}", 2)
    Pillow.fromarray(wedge).save(scene.folder / "start.png")
    last = list(animate(scene, paint=lambda f, s: textured if s is None else paint(f, s)))[-1][1].shown
    assert (last[:, :46] == textured[:, :46]).all()
    assert (last[:, 50:] == paint(timeline(scene)[1], None)[:, 50:]).all()


def test_masks_can_change_during_a_film(begin, textured):
    scene = begin("painting: {mask: {0: '!everywhere', 2: everywhere}}", 4)
    shown = [
        state.shown for _, state in animate(scene, paint=lambda f, s: textured if s is None else paint(f, s))
    ]
    assert (shown[1] == textured).all()
    assert (shown[2] == paint(timeline(scene)[2], None)).all()


@pytest.mark.parametrize("cadence", [1, 3])
def test_a_film_with_masks_resumes_exactly_from_the_state_after_a_painted_frame(begin, cadence):
    scene = begin(
        "masks: {a: {luminance: [0.4, 1], feather: 3}, b: {color: '#808080', within: 60}}\nlock: a & b\n"
        f"painting: {{mask: '!a'}}\ngrade: {{noise: 0.1, color: lab}}\nmotion: {{zoom: 1.01, angle: 1}}\ncadence: {cadence}",
        13, started=False,
    )  # fmt: skip
    frames, flat = timeline(scene), FlatPainter(paint(timeline(scene)[0], None))
    whole = list(animate(scene, paint=flat))
    rest = list(animate(scene, frames[7:], flat, whole[6][1]))
    assert len(rest) == 6
    assert all((a.shown == b.shown).all() for (_, a), (_, b) in zip(rest, whole[7:], strict=True))


def test_camera_motion_accumulates_from_the_beginning_of_each_shot(begin, textured):
    from animator.timeline.cadence import slice_film

    scene = begin("lock: everywhere\nmotion: {translation_x: 5}", 12)
    shown = [state.shown for _, state in animate(scene, slice_film(timeline(scene), 6, 9), paint)]
    assert (shown[0] == textured).all()
    assert (shown[2][:, 10:] == textured[:, :-10]).all()


def test_declared_but_unused_masks_change_nothing(begin):
    plain = begin("motion: {zoom: 1.01}", 4)
    named = begin(f"motion: {{zoom: 1.01}}\nmasks: {{a: {{polygon: {SQUARE}}}}}", 4)
    films = [[state.shown for _, state in animate(scene, paint=paint)] for scene in (plain, named)]
    assert all((a == b).all() for a, b in zip(*films, strict=True))
