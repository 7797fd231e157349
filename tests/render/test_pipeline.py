"""Assembly of a render: the parts that a scene gets, and the order of checks."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import ProgramError, RunError, SceneError, load, loads
from animator.models.painter import FunctionPainter
from animator.render import camera, grading, pipeline, views
from animator.render.grading import AddNoise, FixedReference, MatchColor
from animator.render.painter import FlatPainter
from animator.runs import render
from animator.runs.metadata import color_summary
from animator.scene.resolve import to_yaml
from animator.timeline.compile import timeline
from animator.viewer import preview
from tests.runs.test_video import decode


def names(stages):
    return [getattr(stage, "__name__", type(stage).__name__) for stage in stages]


def test_colour_is_matched_before_noise_which_it_would_tint_and_after_painting():
    before, after = grading.grading_stages(loads("grade: {color: lab}"))
    assert names(before) == ["SkipFrames", "Contrast", "Sharpen", "AddNoise"]
    assert names(after) == ["SkipFrames"]
    assert isinstance(before[0].stage, MatchColor)
    assert names(grading.grading_stages(loads("{}"))[0]) == ["Contrast", "Sharpen", "AddNoise"]


@pytest.mark.parametrize(("kind", "clouds"), [("white", False), ("perlin", True)])
def test_noise_has_the_requested_type(kind, clouds):
    (noise,) = [
        s
        for s in grading.grading_stages(loads(f"grade: {{noise_type: {kind}}}"))[0]
        if isinstance(s, AddNoise)
    ]
    assert noise.clouds is clouds


def test_a_broken_ffmpeg_is_found_before_the_model_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "film.yaml").write_text("video: {frames: 2, size: 64x64}")
    scene = load(tmp_path / "film.yaml")
    run = render.start_run(scene, tmp_path / "film.yaml", tmp_path / "run")
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))

    def loads_the_model(scene):
        raise AssertionError("too early")

    with pytest.raises(ProgramError, match="ffmpeg failed with status 7"):
        list(render.render_run(run, scene, loads_the_model))


def test_an_unreadable_image_is_reported_when_the_schedule_is_loaded(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(SceneError, match="start.image: cannot be read as an image"):
        loads("start: {image: a.png}", tmp_path)
    Pillow.new("1", (20_000, 20_000)).save(tmp_path / "b.png")
    with pytest.raises(SceneError, match="start.image: cannot be read as an image: .*decompression bomb"):
        loads("start: {image: b.png}", tmp_path)


def test_frame_0_is_painted_over_the_start_image_at_its_strength(tmp_path, textured, checkpoint):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    text = f"video: {{frames: 2, size: 96x80}}\nstart: {{image: a.png}}\nmodel: {{base: {checkpoint}}}\npainting: {{steps: 4, strength: 0.0}}\n"
    images = [state.shown for _, state in pipeline.animate(loads(text, tmp_path))]
    assert (images[0] == textured).all()
    weak, strong = (
        next(pipeline.animate(loads(text, tmp_path, [f"painting.strength={s}"])))[1].shown for s in (0.2, 0.9)
    )
    assert 0 < np.abs(weak.astype(int) - textured).mean() < np.abs(strong.astype(int) - textured).mean()


def test_a_custom_painter_is_used(textured):
    frames = [
        frame
        for frame, _ in pipeline.animate(
            loads("video: {frames: 3, size: 96x80}"), paint=FlatPainter(textured)
        )
    ]
    assert len(frames) == 3


def test_a_preview_to_an_invalid_target_is_an_error(tmp_path):
    scene = loads("video: {frames: 2, size: 64x64}")
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="is a folder; name a file"):
        list(preview.write_preview(scene, tmp_path))
    with pytest.raises(RunError, match="cannot be made"):
        list(preview.write_preview(scene, tmp_path / "file" / "deeper" / "x.mp4"))


def test_a_boomerang_returns_to_its_first_frame_without_repeating_one(tmp_path):
    (tmp_path / "film.yaml").write_text(
        "video: {size: 64x64, frames: 6, loop: boomerang}\npainting: {strength: 1}\n"
    )
    scene = load(tmp_path / "film.yaml")
    run = render.start_run(scene, tmp_path / "film.yaml", tmp_path / "run")
    for _ in render.render_run(run, scene, lambda _: FlatPainter(np.zeros((64, 64, 3), np.uint8))):
        pass
    shown = decode(run.video, 64, 64)
    colors = shown[:, 32, 32].astype(int)
    assert len(shown) == 10
    assert np.abs(colors[6:] - colors[[4, 3, 2, 1]]).max() <= 3
    assert all(np.abs(a - b).max() > 3 for a, b in pairwise([*colors, colors[0]]))
    run.video.unlink()
    assert not list(
        render.render_run(*render.reopen_run(run.folder))
    )  # the video is made again without a painter
    assert np.array_equal(decode(run.video, 64, 64), shown)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{zoom: 1.01, translation_x: 2}", "Camera2D"),
        ("{translation_z: 0}", "Camera2D"),
        ("{orbit_y: 1}", "HomographyCamera"),
        ("{rotation_3d_x: {0: 0, 5: 1}}", "HomographyCamera"),
        ("{translation_x: 2, depth: proxy}", "DepthCamera"),
        ("{depth: a.png}", "DepthCamera"),
        ("{depth: folder}", "DepthCamera"),
    ],
)
def test_the_camera_is_the_simplest_that_the_motion_needs(tmp_path, text, kind):
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "folder/0.png"):
        Pillow.new("L", (8, 8)).save(tmp_path / name)
    scene = loads(f"motion: {text}", tmp_path)
    assert type(camera.make_camera(scene, timeline(scene)[90:])).__name__ == kind
    again = loads(to_yaml(scene))  # the file that a run resumes from
    assert type(camera.make_camera(again, timeline(again)[90:])).__name__ == kind


def test_missing_or_unreadable_depth_maps_are_errors(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_text("no picture")
    for name in ("none.png", "empty"):
        with pytest.raises(
            SceneError, match=f"motion.depth: no such image: .*{name}; allowed: flat, proxy, model"
        ):
            loads(f"motion: {{depth: {name}}}", tmp_path)
    with pytest.raises(SceneError, match="motion.depth: broken.png cannot be read as an image"):
        loads("motion: {depth: broken.png}", tmp_path)


def test_a_stopped_film_with_depth_resumes_with_equal_frames(tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    text = "video: {frames: 9, size: 90x70}\nmotion: {orbit_y: 1, depth: proxy}\nstart: {image: a.png}\ncadence: 2\n"
    (tmp_path / "film.yaml").write_text(text)
    scene = load(tmp_path / "film.yaml")
    folders = [
        render.start_run(scene, tmp_path / "film.yaml", tmp_path / name).folder for name in ("whole", "torn")
    ]

    def flat(scene):
        return FlatPainter(views.read_start_image(scene))

    list(render.render_run(*render.reopen_run(folders[0]), flat))
    film = render.render_run(*render.reopen_run(folders[1]), flat)
    for _ in range(4):
        next(film)
    film.close()
    list(render.render_run(*render.reopen_run(folders[1]), flat))
    whole, torn = (
        [path.read_bytes() for path in sorted((folder / "frames").iterdir())] for folder in folders
    )
    assert len(whole) == 9
    assert whole == torn


def test_colours_are_matched_to_the_requested_reference(tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "brand.png")
    fixed, again = grading.grading_stages(loads("grade: {color: lab, color_reference: brand.png}", tmp_path))
    assert isinstance(fixed[0].goal, FixedReference)
    assert isinstance(again[0].goal, FixedReference)
    rolling = loads("grade: {color: hsv, color_reference: rolling, color_by: histogram, color_memory: 5}")
    before, (after,) = grading.grading_stages(rolling)
    assert names(before) == ["Contrast", "Sharpen", "AddNoise"]
    assert (after.stage.goal.memory, after.stage.by, after.stage.space) == (5, "histogram", "hsv")
    _, after = grading.grading_stages(loads("grade: {color: lab, palette: ['#08f']}"))
    assert names(after) == ["SkipFrames", "PullToPalette"]


def test_a_colour_reference_that_is_no_image_is_reported_when_the_schedule_is_loaded(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(SceneError, match="grade.color_reference: cannot be read as an image"):
        loads("grade: {color: lab, color_reference: a.png}", tmp_path)


@pytest.mark.parametrize("tween", ["crossfade", "flow"])
@pytest.mark.parametrize("cadence", [2, 3, 10])
def test_every_frame_is_shown_for_any_cadence_and_tween(textured, cadence, tween):
    # Deforum loses the last chunk: of 10 frames at cadence 4 it writes 8.
    scene = loads(f"video: {{frames: 10, size: 96x80}}\ncadence: {cadence}\ntween: {tween}")
    assert [frame.index for frame, _ in pipeline.animate(scene, paint=FlatPainter(textured))] == list(
        range(10)
    )


@pytest.mark.parametrize("size", ["98x66", "130x98", "514x18"])
def test_every_stage_accepts_sizes_that_are_no_multiple_of_64(size):
    # Deforum's noise crashes on them.
    for kind in ("white", "perlin"):
        scene = loads(
            f"video: {{frames: 3, size: {size}}}\ncadence: 2\ntween: flow\n"
            f"grade: {{color: lab, palette: ['#08f'], noise: 0.1, noise_type: {kind}, sharpen: 1, contrast: 1.1}}"
        )
        image = np.full((scene.size.height, scene.size.width, 3), 120, np.uint8)
        assert all(
            state.shown.shape == image.shape for _, state in pipeline.animate(scene, paint=FlatPainter(image))
        )


def test_a_run_records_the_colour_drift_of_its_painted_frames(tmp_path, textured):
    file = tmp_path / "film.yaml"
    file.write_text(
        "video: {frames: 5, size: 96x80}\ncadence: 2\ngrade: {palette: ['#08f'], palette_amount: 0}"
    )
    scene = load(file)
    run = render.start_run(scene, file, tmp_path / "run")

    def warmer(frame, start):
        return textured if start is None else np.clip(np.add(start, (9, 0, 0)), 0, 255).astype(np.uint8)

    list(render.render_run(run, scene, lambda _: FunctionPainter(warmer)))
    drift = run.measurements("drift")
    assert sorted(drift) == [0, 2, 4]
    assert 0 == drift[0] < drift[2] < drift[4]
    assert set(run.measurements("palette")) == {0, 2, 4}
    (first, second) = color_summary(drift, run.measurements("palette"))
    assert first.startswith("colours: ΔE to the reference")
    assert first.endswith("(frame 4)")
    assert "to the palette" in second
