"""Views: images that a film passes through and is guided towards."""

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import load, loads, timeline
from animator.imaging.cameras import Camera2D
from animator.imaging.warp import warp
from animator.render import pipeline
from animator.render.painter import FlatPainter
from animator.runs import metadata, render
from animator.runs.render import start_run
from animator.runs.run import Run
from animator.scene.resolve import to_yaml

FILM = "video: {frames: 16, size: 96x80, fps: 8}\nviews: {0: front.png, 9: side.png}\n"


@pytest.fixture
def images(tmp_path, textured):
    """Write front.png, and side.png, the same image rotated by 180 degrees."""
    found = {"front.png": textured, "side.png": np.ascontiguousarray(textured[::-1, ::-1])}
    for name, image in found.items():
        Pillow.fromarray(image).save(tmp_path / name)
    return found


def kept(frame, start):
    """Return the start image unchanged, or grey without one."""
    return np.full((80, 96, 3), 128, np.uint8) if start is None else start


def film(text, folder, paint=kept):
    return [state.shown for _, state in pipeline.animate(loads(text, folder), paint=paint)]


@pytest.mark.parametrize("more", ["", "cadence: 4", "motion: {zoom: 1.02, angle: 2}", "paint: [0, 5]"])
def test_the_film_passes_through_its_views(tmp_path, images, more):
    shown = film(FILM + more, tmp_path)
    assert (shown[0] == images["front.png"]).all()
    assert (shown[9] == images["side.png"]).all()


def test_frames_approach_an_upcoming_view_step_by_step(tmp_path, images):
    shown = film(f"{FILM}motion: {{translation_x: 2, border: wrap}}\nviews_lead: 6", tmp_path)
    camera = Camera2D(96, 80)
    step = camera.matrix(timeline(loads("motion: {translation_x: 2}"))[0].motion)
    far = []
    for index in range(3, 10):
        back = np.linalg.matrix_power(np.linalg.inv(step), 9 - index)
        seen = warp(images["side.png"], back, "replicate")
        inside = (slice(None), slice(0, 96 - 2 * 9))
        far.append(np.abs(seen[inside].astype(int) - shown[index][inside]).mean())
    assert far == sorted(far, reverse=True)
    assert far[-1] == 0
    assert far[3] < 0.7 * far[0]


def test_areas_outside_the_view_stay_unchanged(tmp_path, images):
    text = f"{FILM}motion: {{zoom: 1.1}}\nviews_lead: 2"
    led, plain = film(text, tmp_path), film(text.replace(", 9: side.png", ""), tmp_path)
    assert (led[8][0] == plain[8][0]).all()  # the view first appears small, in the middle
    assert (led[8][40] != plain[8][40]).any()


def test_a_view_is_painted_with_its_own_strength(tmp_path, images):
    scene = loads(f"{FILM}views_strength: {{0: 0.1, 9: 0.2}}\npainting: {{strength: 0.7}}", tmp_path)
    assert [frame.painting.strength for frame in timeline(scene)] == [0.1] + [0.7] * 8 + [0.2] + [0.7] * 6
    shown = film(f"{FILM}views_strength: 0", tmp_path, FlatPainter(images["front.png"]))
    assert (shown[9] == images["side.png"]).all()


def test_a_view_at_a_cut_begins_the_shot(tmp_path, images):
    text = f"{FILM}cuts: [9]\nviews_lead: 4"
    shown = film(text, tmp_path)
    assert (shown[8] == images["front.png"]).all()
    assert (shown[9] == images["side.png"]).all()
    scene = loads(text, tmp_path)
    assert [row["steps_run"] for row in metadata.frame_table(scene, timeline(scene))] == [5] * 16


def test_a_resolved_film_finds_its_views_from_any_folder(tmp_path, images):
    again = loads(to_yaml(loads(FILM, tmp_path)), "/")
    assert again.settings.views == {"0": str(tmp_path / "front.png"), "9": str(tmp_path / "side.png")}
    assert timeline(again) == timeline(loads(FILM, tmp_path))


def test_a_film_with_views_resumes_from_any_frame_with_equal_bytes(tmp_path, images):
    file = tmp_path / "film.yaml"
    file.write_text(
        f"{FILM}views_lead: 5\ncadence: 3\nmotion: {{zoom: 1.02}}\ngrade: {{color: lab, noise: 0.03}}\n"
        "masks: {dark: {luminance: [0, 0.4]}}\npainting: {mask: '!dark'}"
    )
    scene = load(file)
    run = start_run(scene, file, tmp_path / "run")
    list(render.render_run(run, scene, lambda _: FlatPainter(images["front.png"])))
    frames = timeline(scene)
    for missing in range(len(frames)):
        position, state = Run(run.folder, 0, 16, dict.fromkeys(range(missing), "")).resume_point(frames)
        rest = list(pipeline.animate(scene, frames[position:], FlatPainter(images["front.png"]), state))
        assert all((after.shown == run.image(frame.index)).all() for frame, after in rest)


def test_a_part_of_a_film_is_guided_to_a_view_as_the_whole_film_is(tmp_path, images):
    scene = loads(f"{FILM}motion: {{zoom: 1.02}}", tmp_path)
    part = [state.shown for _, state in pipeline.animate(scene, render.frame_range(scene, (0, 8)), kept)]
    whole = film(f"{FILM}motion: {{zoom: 1.02}}", tmp_path)
    assert all((a == b).all() for a, b in zip(part, whole[:8], strict=True))
