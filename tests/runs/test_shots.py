"""Films of several shots: each is painted as if it were the first, and a film resumes from any frame of any shot."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import State, load, loads, preview, timeline
from animator.render import pipeline
from animator.render.painter import FlatPainter
from animator.runs import metadata, render
from animator.runs.render import start_run
from animator.runs.run import Run

CUT = """
video: {frames: 14, size: 96x80}
motion: {zoom: 1.02, angle: 2, translation_x: 1}
masks: {dark: {luminance: [0, 0.4], feather: 2}}
lock: {mask: dark, strength: 0.8}
painting: {mask: "!dark", strength: {0: 0.4, 9: {value: 0, ease: step}, 11: 0.4}}
grade: {color: lab, noise: 0.05}
cadence: 3
"""


def shown(scene, paint, frames=None):
    return [state.shown for _, state in pipeline.animate(scene, frames, paint)]


@pytest.mark.parametrize("motion", ["", "motion: {orbit_y: 2, zoom: 1.02, depth: proxy}"])
def test_a_shot_is_painted_as_a_film_of_its_own(textured, motion):
    text = CUT if not motion else "\n".join(line for line in CUT.splitlines() if "motion" not in line)
    scene = loads(f"{text}\ncuts: [6]\n{motion}")
    frames = timeline(scene)
    whole = shown(scene, FlatPainter(textured))
    alone = shown(scene, FlatPainter(textured), frames[6:])
    assert all((a == b).all() for a, b in zip(whole[6:], alone, strict=True))
    assert (whole[6] == textured).all()
    # Another first shot changes nothing after the cut.
    other = shown(
        scene,
        FlatPainter(textured),
        [replace(frame, seed=frame.seed + 5) for frame in frames[:6]] + frames[6:],
    )
    assert any((a != b).any() for a, b in zip(whole[:6], other[:6], strict=True))
    assert all((a == b).all() for a, b in zip(whole[6:], other[6:], strict=True))


def test_motion_over_a_depth_map_counts_from_the_cut(tmp_path, textured):
    Pillow.fromarray(textured[..., 0]).save(tmp_path / "depth.png")
    text = "video: {frames: 8, size: 96x80}\nmotion: {translation_x: 3, depth: depth.png}\npainting: {strength: 0.2, seed: {behavior: fixed}}\n"
    images = shown(loads(f"{text}cuts: [4]", tmp_path), FlatPainter(textured))
    assert all((a == b).all() for a, b in zip(images[:4], images[4:], strict=True))
    plain = shown(loads(text, tmp_path), FlatPainter(textured))
    assert (plain[5] != images[5]).any()


def test_colours_are_matched_to_the_first_painted_frame_of_the_shot(textured):
    def paint(frame, start):
        return np.clip(textured * 0.3 + (140 if frame.index >= 5 else 40), 0, 255).astype(np.uint8)

    scene = loads("video: {frames: 10, size: 96x80}\ncuts: [5]\ngrade: {color: lab}")
    states = [state for _, state in pipeline.animate(scene, paint=paint)]
    assert [state.reference is states[0].shown for state in states] == [True] * 5 + [False] * 5
    assert states[9].shown.mean() > states[4].shown.mean() + 80


def test_a_preview_starts_again_at_a_cut(textured):
    scene = loads("video: {frames: 8, size: 96x80}\nmotion: {zoom: 1.1}\ncuts: [4]")
    images = [state.shown for _, state in preview(scene)]
    assert (images[4] == images[0]).all()
    assert (images[3] != images[0]).any()


def test_every_first_frame_of_a_shot_runs_all_its_steps(tmp_path):
    scene = loads("video: {frames: 8}\ncuts: [4]\npainting: {steps: 10, strength: 0.5}")
    assert [row["steps_run"] for row in metadata.frame_table(scene, timeline(scene))] == [10, 5, 5, 5] * 2


def test_a_film_resumes_from_any_frame_of_any_shot_with_equal_bytes(tmp_path, textured):
    file = tmp_path / "film.yaml"
    file.write_text(f"{CUT}\ncuts: [6, 7]")
    scene = load(file)
    run = start_run(scene, file, tmp_path / "run")
    list(render.render_run(run, scene, lambda _: FlatPainter(textured)))
    frames = timeline(scene)
    for missing in range(len(frames)):
        torn = Run(run.folder, 0, len(frames), dict.fromkeys(range(missing), ""))
        position, state = torn.resume_point(frames)
        assert position <= missing
        rest = list(pipeline.animate(scene, frames[position:], FlatPainter(textured), state))
        assert [frame.index for frame, _ in rest] == list(range(position, len(frames)))
        assert all((after.shown == run.image(frame.index)).all() for frame, after in rest)


def test_a_given_state_does_not_affect_a_new_shot(textured):
    scene = loads(f"{CUT}\ncuts: [6]")
    frames = timeline(scene)
    state = State(painting=255 - textured, reference=255 - textured, first=255 - textured)
    pairs = zip(
        pipeline.animate(scene, frames[6:], FlatPainter(textured), state),
        pipeline.animate(scene, frames[6:], FlatPainter(textured)),
        strict=True,
    )
    assert all((one.shown == other.shown).all() for (_, one), (_, other) in pairs)
