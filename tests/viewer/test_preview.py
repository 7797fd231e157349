"""Previews: content, size and speed."""

import time

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import load, loads, preview, timeline
from animator.runs import metadata
from animator.viewer.preview import draft_scene, with_captions, without_captions, write_preview
from tests import films
from tests.runs.test_video import decode

FILM = """
video: {size: 256x192, frames: 12, fps: 12}
prompts: {at: {0: pencil sketch, 6: photo}, travel: 3}
motion: {translation_x: 8, zoom: 1.01}
painting: {strength: 0.4, steps: 10, seed: 7}
cadence: 3
"""


def shown(scene):
    return [state.shown for _, state in preview(scene)]


def test_a_draft_moves_as_the_film_does_in_fewer_pixels(tmp_path, textured):
    Pillow.fromarray(textured).resize((512, 384), Pillow.Resampling.BICUBIC).save(tmp_path / "a.png")
    text = FILM.replace("256x192", "512x384").replace(
        "translation_x: 8", "translation_x: 8, translation_y: -4"
    )
    whole = loads(f"{text}start: {{image: a.png}}", tmp_path)
    small = draft_scene(whole, 256)
    assert small.size == (256, 192)
    for large, little in zip(shown(whole), shown(small), strict=True):
        goal = np.asarray(Pillow.fromarray(large).resize((256, 192), Pillow.Resampling.BOX), int)
        assert np.abs(goal - little).mean() < 4


@pytest.mark.parametrize(
    "motion", ["{translation_z: 6, orbit_y: 1}", "{translation_z: 6, orbit_y: 1, depth: proxy}"]
)
def test_a_draft_moves_as_the_film_does_in_3d(motion, tmp_path, textured):
    Pillow.fromarray(np.kron(textured[:64, :64], np.ones((4, 4, 1), np.uint8))).save(tmp_path / "a.png")
    scene = loads(f"video: {{size: 256x256, frames: 8}}\nstart: {{image: a.png}}\nmotion: {motion}", tmp_path)
    for large, little in zip(shown(scene), shown(draft_scene(scene, 128)), strict=True):
        goal = np.asarray(Pillow.fromarray(large).resize((128, 128), Pillow.Resampling.BOX), int)
        assert np.abs(goal - little).mean() < 12


def test_a_draft_keeps_every_decision_of_the_film(tmp_path):
    scene = loads(FILM)
    for frame, small in zip(timeline(scene), timeline(draft_scene(scene, 64)), strict=True):
        assert (small.seed, small.prompt, small.painting, small.diffuse) == (
            frame.seed, frame.prompt, frame.painting, frame.diffuse,
        )  # fmt: skip
        assert small.motion.translation_x == pytest.approx(frame.motion.translation_x / 4)
        assert small.motion.zoom == frame.motion.zoom


def test_a_feather_in_pixels_is_scaled_with_the_draft(tmp_path):
    Pillow.new("L", (256, 192), 255).save(tmp_path / "m.png")
    scene = loads(
        f"{FILM}masks: {{product: {{file: m.png, feather: 16}}}}\nlock: {{mask: product, feather: 8}}",
        tmp_path,
    )
    small = draft_scene(scene, 64)
    assert small.settings.masks["product"].feather == 16 / 256
    assert timeline(small)[3].lock.feather == 8 / 256


def test_a_preview_loads_no_depth_model():
    small = draft_scene(
        loads("motion: {depth: model, depth_model: nobody/nothing, orbit_y: 1}\nvideo: {frames: 3}"), 64
    )
    assert len(shown(small)) == 3


def test_a_preview_passes_through_the_views_of_the_film(tmp_path, textured):
    for name, image in (("a", textured), ("b", 255 - textured)):
        Pillow.fromarray(image).save(tmp_path / f"{name}.png")
    scene = loads(
        "video: {size: 96x80, frames: 9, fps: 4}\nviews: {0: a.png, 8: b.png}\nmotion: {zoom: 1.01}\ncadence: 2",
        tmp_path,
    )
    images = shown(scene)
    assert (images[0] == textured).all() and (images[8] == 255 - textured).all()
    distance = [np.abs(image.astype(int) - images[8]).mean() for image in images]
    assert distance[3] > distance[5] > distance[7] > distance[8]  # guided there over the last second


def test_a_preview_shows_the_footage_that_is_painted_over(tmp_path):
    films.write(tmp_path / "a.mp4", films.greys(8), 10)
    text = "video: {size: 64x48, frames: 8, fps: 10}\nfootage: {file: a.mp4, alpha: 1}\ncadence: 2"
    greys = [image.mean() for image in shown(loads(text, tmp_path))]
    assert greys == pytest.approx([10 + 2 * i for i in range(8)], abs=2.5)


def test_the_overlay_covers_the_edges_and_leaves_the_middle_free(tmp_path, textured):
    Pillow.fromarray(textured).resize((512, 384)).save(tmp_path / "a.png")
    scene = draft_scene(loads(f"{FILM}start: {{image: a.png}}", tmp_path))
    for (_, drawn), (_, bare) in zip(with_captions(scene), without_captions(scene), strict=True):
        assert (drawn[40:240] == bare[40:240]).all()
        assert (drawn[:20] != bare[:20]).any() and (drawn[-60:] != bare[-60:]).any()


def test_a_test_card_is_tinted_with_a_colour_per_prompt():
    scene = draft_scene(loads(FILM), 128)
    middle = [image[64:66, 20:100].mean((0, 1)) for _, image in with_captions(scene, text=False)]
    assert np.abs(middle[7] - middle[5]).max() > 8
    assert np.abs(middle[4] - middle[3]).max() < 8


@pytest.mark.parametrize("size", ["64x64", "96x16", "16x96", "720x1280"])
def test_the_overlay_fits_into_any_size(size):
    scene = loads(f"video: {{size: {size}, frames: 2}}\nprompts: {{at: {'very ' * 80}long}}")
    assert [image.shape[:2] for _, image in with_captions(scene)] == [scene.size[::-1]] * 2


def test_a_preview_of_a_boomerang_plays_backwards(tmp_path):
    scene = loads("video: {size: 64x64, frames: 6, loop: boomerang}\nmotion: {translation_x: 4}")
    frames = list(write_preview(scene, tmp_path / "a.mp4", None, overlay=False, crf=4))
    assert [frame.index for frame in frames] == list(range(6))
    found = decode(tmp_path / "a.mp4", 64, 64).astype(int)
    assert len(found) == 10
    assert np.abs(found[6:] - found[[4, 3, 2, 1]]).mean() < 4


def test_the_frames_of_a_preview_are_those_of_the_film():
    scene = loads(FILM)
    assert [frame for frame, _ in preview(scene)] == timeline(scene)
    assert [row["steps_run"] > 0 for row in metadata.frame_table(scene, timeline(scene))].count(True) == 5


def test_240_frames_of_1024_pixels_are_previewed_in_seconds(tmp_path):
    (tmp_path / "film.yaml").write_text(
        "video: {size: 1024x1024, frames: 240}\nprompts: {at: {0: a, 3s: b}, travel: 12}\n"
        "motion: {zoom: 1.004, angle: 0.3*sin(t/20)}\ncadence: 2\n"
    )
    began = time.process_time()
    for _ in with_captions(draft_scene(load(tmp_path / "film.yaml"))):
        pass
    assert time.process_time() - began < 5  # 1.1 s of one core; the video takes as much again
