"""Import of Parseq manifests: values per frame become short key strings, keyframes stay keyframes."""

from __future__ import annotations

import json
from math import cos, pi

import numpy as np
import pytest

from animator import SceneError
from animator.interop.camera_paths import deforum_camera
from tests.interop import samples


def rendered(count=60, **fields):
    """Return a manifest with a value per frame for each of `fields`, its differences, and what Parseq adds."""
    rows = []
    for frame in range(count):
        row = {
            "frame": frame,
            "deforum_prompt": "a red mug --neg blurry" if frame < 30 else "a blue mug --neg blurry",
        }
        for name, value in fields.items():
            now, before = value(frame), value(max(0, frame - 1))
            delta = now / before if name == "zoom" else now - before
            row |= {name: now, f"{name}_delta": delta if frame else now, f"{name}_pc": 100.0}
        rows.append(row)
    return {
        "meta": {"generated_by": "sd_parseq", "version": "0.1.94"},
        "options": {"input_fps": 20, "bpm": 140, "output_fps": 20, "cadence": 2},
        "managedFields": list(fields), "keyframes": [{"frame": 0}, {"frame": count - 1}], "rendered_frames": rows,
    }  # fmt: skip


def test_rendered_frames_become_compact_key_strings(imported):
    manifest = rendered(
        seed=lambda f: 55 + f / 10, strength=lambda f: 0.6, scale=lambda f: 7, noise=lambda f: 0.04,
        angle=lambda f: min(f, 30) * 1.5, zoom=lambda f: 1.01**f, translation_x=lambda f: 10 * cos(f / 9),
    )  # fmt: skip
    found = imported(manifest)
    assert found.data["video"] == {"fps": 20, "frames": 60}
    assert found.data["painting"]["strength"] == 0.4
    assert found.data["painting"]["guidance_scale"] == 7
    assert found.data["grade"]["noise"] == 0.04 and found.data["cadence"] == 2 and found.data["bpm"] == 140
    assert found.data["motion"]["angle"] == "0: (1.5), 30: (1.5), 31: (0)"
    assert found.data["motion"]["zoom"] == 1.01
    steps = np.diff([10 * cos(f / 9) for f in range(60)])
    assert np.allclose([frame.motion.translation_x for frame in found.frames][1:], steps, rtol=0, atol=1e-6)
    assert [found.frames[at].seed for at in (0, 9, 10, 59)] == [55, 55, 56, 60]
    assert found.frames[29].prompt.text == "a red mug" and found.frames[30].prompt.text == "a blue mug"
    assert found.data["prompts"]["negative"] == "blurry"


def test_fields_without_a_counterpart_are_noted_and_idle_ones_are_not(imported):
    found = imported(
        rendered(angle=lambda f: 0, cn_1_weight=lambda f: f / 60, fov=lambda f: 40, kernel=lambda f: 5)
    )
    assert "0..0.98" in found.noted("cn_1_weight")
    assert not found.noted("fov") and not found.noted("kernel")


def test_a_3d_manifest_moves_a_3d_camera(imported):
    # A manifest does not state its mode; the fields that its author managed decide it.
    flat = imported(rendered(zoom=lambda f: 1.02**f, rotation_3d_z=lambda f: f / 4))
    assert flat.frames[5].motion.zoom == pytest.approx(1.02)
    places = {
        "rotation_3d_z": lambda f: f / 4,
        "translation_x": lambda f: 3.0 * f,
        "translation_z": lambda f: f * 2.0,
    }
    solid = imported(rendered(**places, fov=lambda f: 70))
    motion = solid.frames[5].motion
    assert motion.rotation_3d_z == pytest.approx(0.25)
    wanted = deforum_camera(1024, 1024, 70, True)
    assert motion.translation_x == pytest.approx(3 * wanted.factors["translation_x"])
    assert motion.translation_z == pytest.approx(2 * wanted.factors["translation_z"])
    assert solid.data["motion"]["fov"] == wanted.fov and solid.data["motion"]["depth"] == "model"


def test_a_field_of_view_that_changes_becomes_a_curve(imported):
    solid = imported(
        rendered(translation_x=lambda f: 3.0 * f, translation_z=lambda f: f, fov=lambda f: 40 + f / 2)
    )
    assert solid.frames[4].motion.fov == pytest.approx(deforum_camera(1024, 1024, 42.5, True).fov, abs=1e-3)
    factor = deforum_camera(1024, 1024, 42.5, True).factors["translation_x"]
    assert solid.frames[5].motion.translation_x == pytest.approx(3 * factor, rel=1e-4)
    assert not solid.noted("fov")


def test_a_manifest_inside_deforum_settings_overrides_them(imported):
    manifest = json.dumps(rendered(strength=lambda f: 0.6, angle=lambda f: f * 0.5))
    found = imported(samples.film(parseq_manifest=manifest, angle="0:(9)", zoom="0:(1.02)", W=640))
    assert found.data["motion"] == {"zoom": 1.02, "angle": 0.5}
    assert found.data["painting"]["strength"] == 0.4
    assert found.data["video"] == {"size": "640x512", "fps": 20, "frames": 60}
    assert not found.noted("parseq_manifest")


KEYFRAMES = {
    "options": {"output_fps": 24},
    "prompts": {
        "format": "v2", "enabled": True, "commonPrompt": {"positive": "studio", "negative": "text"},
        "promptList": [
            {"positive": "a mug", "negative": "blur", "allFrames": False, "from": 0, "to": 49},
            {"positive": "a cup", "negative": "blur", "allFrames": False, "from": 50, "to": 100},
        ],
    },
    "keyframes": [
        {"frame": 0, "strength": 0.6, "strength_i": "S", "scale": 7, "scale_i": "bez(0,0.6,1,0.4)", "angle": 0,
         "angle_i": "L", "zoom": 1, "noise": 0.1, "noise_i": "sin(p=1b)", "contrast": 1, "contrast_i": "bez(\"easeInOutSine\")"},
        {"frame": 50, "strength": 0.5, "angle": 25, "scale": "", "scale_i": ""},
        {"frame": 100, "strength": 0.7, "scale": 9, "angle": 25, "zoom": 1, "noise": 0, "contrast": 1.2, "cn_1_weight": 1},
    ],
}  # fmt: skip


def test_keyframes_that_were_not_rendered_stay_keyframes(imported):
    found = imported(KEYFRAMES)
    assert len(found.frames) == 101
    steps = {"value": 0.5, "ease": "step"}
    assert found.data["painting"]["strength"] == {
        "0": 0.4,
        "50": steps,
        "100": {"value": 0.3, "ease": "step"},
    }
    assert found.data["painting"]["guidance_scale"]["100"] == {"value": 9, "ease": "bezier(0, 0.6, 1, 0.4)"}
    assert found.data["grade"]["contrast"]["100"] == {"value": 1.2, "ease": "in-out-sine"}
    assert found.data["motion"] == {"angle": "0: (0.5), 50: (0.5), 51: (0)"}
    assert "linear is used" in found.noted("noise_i") and found.noted("cn_1_weight")
    assert found.data["prompts"]["at"] == {"0": "a mug", "50": "a cup"}
    assert found.frames[0].prompt.negative == "blur, text"


def weighted(frames):
    manifest = rendered(frames, angle=lambda f: 0)
    for row in manifest["rendered_frames"]:
        row["deforum_prompt"] = (
            f"(a mug:{0.5 + 0.5 * cos(2 * pi * row['frame'] / frames):.5f}) AND a cup :0.5"
        )
    return {**manifest, "prompts": KEYFRAMES["prompts"]}


def test_weights_that_change_on_every_frame_are_kept(imported):
    found = imported(weighted(300))
    assert found.frames[150].prompt.text == "(a mug:0.00000) AND a cup :0.5"
    assert len({frame.prompt.text for frame in found.frames}) == 151


def test_too_many_prompts_fall_back_to_the_prompt_list(imported):
    found = imported(weighted(4200))
    assert found.data["prompts"]["at"] == {"0": "a mug", "50": "a cup"}
    assert found.noted("prompts")


@pytest.mark.parametrize(
    "rows", [[{"frame": 10**9}], [{"frame": -5}], [{"frame": 1e400}], [{"frame": float("nan")}], [3]]
)
def test_a_manifest_of_impossible_frames_is_refused(imported, rows):
    with pytest.raises(SceneError):
        imported({"rendered_frames": rows})
