"""Closed loops: the first frame follows the last one as any frame follows another."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from animator import SceneError, load, loads, timeline
from animator.models.painter import FunctionPainter
from animator.render import pipeline
from animator.runs import render
from animator.runs.run import Run
from animator.scene.resolve import to_yaml


def restless(frame, start):
    """Paint clouds from the seed, and blend others over the start image, so that the film keeps changing."""
    random = np.random.default_rng(frame.seed)
    clouds = cv2.resize(
        random.normal(0, 1, (6, 6, 3)).astype(np.float32), (96, 80), interpolation=cv2.INTER_CUBIC
    )
    base, amount = (np.full((80, 96, 3), 128.0), 60) if start is None else (start * 0.9 + 12.8, 14)
    return np.clip(base + amount * clouds, 0, 255).astype(np.uint8)


def film(text, frames=48):
    scene = loads(f"video: {{frames: {frames}, size: 96x80, loop: closed}}\n{text}")
    return [state.shown.astype(int) for _, state in pipeline.animate(scene, paint=restless)]


def seam(shown):
    """Return the change from the last frame to the first over the median change between neighbours."""
    steps = [np.abs(one - other).mean() for one, other in pairwise(shown)]
    return np.abs(shown[-1] - shown[0]).mean() / np.median(steps)


@pytest.mark.parametrize("cadence", [1, 2, 5])
@pytest.mark.parametrize(
    "motion",
    ["{}", "{zoom: 1.01}", "{translation_x: 2*sin(2*pi*t/48), angle: 0.5}", "{orbit_y: 1, depth: proxy}"],
)
def test_the_seam_of_a_closed_loop_is_a_change_like_any_other(motion, cadence):
    shown = film(f"motion: {motion}\ncadence: {cadence}")
    assert len(shown) == 48
    assert seam(shown) <= 1.2
    other = loads(f"video: {{frames: 48, size: 96x80}}\nmotion: {motion}\ncadence: {cadence}")
    assert seam([state.shown.astype(int) for _, state in pipeline.animate(other, paint=restless)]) > 3


def test_a_loop_whose_product_is_locked_closes_too():
    text = (
        "motion: {translation_x: 2*sin(2*pi*t/48)}\nmasks: {m: {polygon: [[0.2, 0.2], [0.6, 0.2], [0.6, 0.7]]}}\n"
        "lock: {mask: m}\ngrade: {color: lab, noise: 0.02}"
    )
    assert seam(film(text)) <= 1.2


def test_a_locked_loop_whose_camera_does_not_return_is_an_error():
    text = "video: {loop: closed}\nmotion: {zoom: 1.01}\nmasks: {m: {luminance: [0, 1]}}\nlock: {mask: m}\n"
    with pytest.raises(
        SceneError, match=r"<text>:1:15: video.loop: the camera ends \d+\.\d% of the width from"
    ):
        loads(text)
    assert loads(text.replace("1.01", "1 + 0.01*sin(2*pi*t/96)"))
    with pytest.raises(SceneError, match="video.loop: the camera ends"):
        loads(text.replace("zoom: 1.01", "orbit_y: 1"))


def test_the_last_prompt_travels_back_to_the_first():
    text = "video: {frames: 40, fps: 10, loop: closed}\nprompts: {at: {0: mug, 20: lamp}, travel: 5}"
    frames = timeline(loads(text))
    assert [frame.prompt.weight for frame in frames[30:33]] == pytest.approx([0, 0.1, 0.2])
    assert (frames[39].prompt.text, frames[39].prompt.next, frames[39].prompt.weight) == ("lamp", "mug", 0.9)
    still = timeline(loads("video: {frames: 40, loop: closed}\nprompts: {at: mug}"))
    assert {frame.prompt.weight for frame in still} == {0}


def test_painted_frames_are_spread_evenly_over_the_loop():
    frames = timeline(loads("video: {frames: 16, loop: closed}\ncadence: 6"))
    assert [frame.index for frame in frames if frame.diffuse] == [0, 5, 10]
    assert [frame.tween for frame in frames[10:]] == pytest.approx([1, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])


def test_loop_true_means_closed_also_in_a_resolved_film():
    scene = loads("video: {loop: true, frames: 5}")
    assert scene.settings.video.loop == "closed"
    assert loads(to_yaml(scene)).settings.video.loop == "closed"
    assert loads("video: {loop: false}").settings.video.loop == "none"


def test_a_loop_has_no_cuts():
    with pytest.raises(SceneError, match="<text>:2:7: cuts: a closed loop has no cuts"):
        loads("video: {loop: closed}\ncuts: [2s]")


def test_a_part_of_a_loop_is_not_closed(tmp_path):
    scene = loads("video: {frames: 20, size: 96x80, loop: closed}\ncadence: 3")
    part = render.frame_range(scene, (2, 20))
    assert part[-1].diffuse
    assert not any(frame.ahead.weight for frame in part)
    assert len(list(pipeline.animate(scene, part, restless))) == 18


def test_the_beginning_of_a_loop_is_painted_as_in_the_whole():
    scene = loads("video: {frames: 20, fps: 8, size: 96x80, loop: closed}\nmotion: {zoom: 1.01}")
    whole, part = (
        [state.shown for _, state in pipeline.animate(scene, frames, restless)]
        for frames in (None, timeline(scene)[:17])
    )
    assert all((one == other).all() for one, other in zip(whole, part, strict=False))


def test_a_single_frame_is_a_valid_loop():
    assert len(film("cadence: 2", 1)) == 1


@pytest.mark.parametrize("cadence", [1, 4])
def test_a_loop_goes_on_from_any_frame_with_the_same_bytes(tmp_path, cadence):
    file = tmp_path / "film.yaml"
    file.write_text(
        f"video: {{frames: 14, size: 96x80, fps: 8, loop: closed}}\ncadence: {cadence}\n"
        "motion: {orbit_y: 1, depth: depth.png}\ngrade: {color: lab, palette: ['#08f'], noise: 0.03}"
    )
    Pillow.fromarray(np.tile(np.arange(96, dtype=np.uint8) * 2, (80, 1))).save(tmp_path / "depth.png")
    scene = load(file)
    run = render.start_run(scene, file, tmp_path / "run")
    list(render.render_run(run, scene, lambda _: FunctionPainter(restless)))
    frames = timeline(scene)
    for missing in range(len(frames)):
        position, state = Run(run.folder, 0, 14, dict.fromkeys(range(missing), "")).resume_point(frames)
        rest = list(pipeline.animate(scene, frames[position:], restless, state))
        assert [frame.index for frame, _ in rest] == list(range(position, 14))
        assert all((after.shown == run.image(frame.index)).all() for frame, after in rest)
