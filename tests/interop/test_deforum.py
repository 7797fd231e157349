"""Import of Deforum settings: every generation becomes a schedule file that a designer could have written."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from math import radians, tan

import numpy as np
import pytest

from animator import SceneError, sample
from animator.frame import Motion
from animator.imaging.geometry import Lens
from animator.interop.convert import convert
from tests import films
from tests.interop import samples
from tests.timeline.tracks import clicks, write


def column(found, section, name):
    return np.array([getattr(getattr(frame, section), name) for frame in found.frames])


@pytest.mark.parametrize("settings", samples.ALL.values(), ids=samples.ALL)
def test_every_generation_becomes_a_film_that_loads(imported, settings):
    found = imported(settings)
    assert len(found.frames) > 1
    assert len(found.text.splitlines()) <= 40
    assert found.frames[0].prompt.text


def test_a_settings_file_of_the_webui_becomes_forty_lines_at_most(imported):
    found = imported(samples.WEBUI)
    assert (
        found.text
        == """\
# settings.txt: Deforum settings, 2D
video: {size: 768x512, fps: 15, frames: 120}
model:
  base: stabilityai/stable-diffusion-xl-base-1.0
  loras: {oue_scooter: {file: oue_scooter.safetensors}}
prompts:
  at:
    0: pencil sketch of a scooter, white paper
    40: marker rendering of a scooter
    100: photo of a scooter, night city, (neon:1.2), {{red|blue}} `0.5+t/100`
  common: product design
  negative:
    0: blurry, text, nsfw, watermark
    40: nsfw, watermark
motion:
  zoom: 1.0025+0.002*sin(1.25*3.14*t/30)
  translation_x: '0: (0), 30: (2*sin(t/10)), "max_f": (0)'
painting:
  seed: 42
  strength: '0: (0.35), 40: (0.6), 42: (0.35 - 0.05*sin(t))'
  guidance_scale: 7
  steps: 25
  sampler: Euler a
loras:
  oue_scooter: {0: 0.8, 40: {value: 0.4, ease: step}, 100: {value: 0, ease: step}}
grade: {color: lab, noise_type: perlin, noise: 0.065, sharpen: 0.1}
cadence: 2
"""
    )
    assert found.notes == [found.noted("noise_multiplier_schedule")]
    assert found.notes[0].startswith(
        "settings.txt:82:5: noise_multiplier_schedule: '0: (1.05)': has no counterpart"
    )


def test_the_notebooks_names_lists_and_texts_are_understood(imported):
    found = imported(samples.NOTEBOOK)
    assert found.data["video"] == {"size": "512x704", "fps": 15, "frames": 200}
    assert list(found.data["prompts"]["at"].values()) == ["an apple", "a banana", "a coconut"]
    assert found.data["painting"]["sampler"] == "DPM2 a"
    assert found.data["painting"]["seed"] == {"start": 123456, "behavior": "fixed"}
    assert found.data["cadence"] == 3
    assert found.data["grade"]["color"] == "hsv"
    assert found.frames[0].painting.guidance_scale == 7


def test_the_mode_decides_which_motion_applies(imported):
    solid = imported(samples.NOTEBOOK)
    assert not {"zoom", "angle"} & set(solid.data["motion"])  # motion of 2D
    assert solid.frames[0].motion.rotation_3d_z == 0.2
    assert not solid.noted("zoom") and not solid.noted("rotation_3d_x")
    flat = imported({**samples.NOTEBOOK, "animation_mode": "2D"})
    assert flat.frames[0].motion.zoom == 1.04 and flat.frames[0].motion.angle == 5
    assert flat.data["motion"]["border"] == "wrap"
    assert not flat.noted("translation_z")


@pytest.mark.parametrize(("deep", "side", "nearer"), [(False, 18.2786, 1.0813), (True, 12.1857, 1.0347)])
def test_a_3d_camera_moves_the_image_as_far_as_deforums(imported, deep, side, nearer):
    """Measured in Deforum at 512 pixels and a field of view of 70 degrees, without depth: 18.26 pixels, 1.0815 times."""
    moves = {
        "translation_x": "0: (10)",
        "translation_y": "0: (10)",
        "translation_z": "0: (10)",
        "rotation_3d_x": "0: (2)",
    }
    found = imported(
        samples.film(
            animation_mode="3D", W=512, H=512, fov_schedule="0: (70)", use_depth_warping=deep, **moves
        )
    )
    motion, focal = found.frames[3].motion, Lens(512, 512, found.data["motion"]["fov"]).focal
    assert (motion.translation_x, motion.translation_y) == pytest.approx((-side, side), rel=1e-4)
    assert focal / (focal - motion.translation_z) == pytest.approx(nearer, abs=0.006)
    assert focal * tan(radians(motion.rotation_3d_x)) == pytest.approx(12.8, abs=0.1)  # measured: 12.85
    assert found.data["motion"].get("depth", "flat") == ("model" if deep else "flat")


def test_a_field_of_view_that_changes_moves_the_image_as_deforums_does(imported):
    """Deforum sees the motion into a frame by that frame's lens, which does not enlarge the image."""
    moves = {"translation_x": "0: (10)", "rotation_3d_x": "0: (2)"}
    fov = np.linspace(40, 80, 12)
    found = imported(
        samples.film(
            animation_mode="3D", W=512, H=512, max_frames=12, fov_schedule="0: (40), 11: (80)",
            use_depth_warping=False, **moves,
        )
    )  # fmt: skip
    assert not found.noted("fov_schedule")
    for i, frame in enumerate(found.frames[1:], start=1):
        lens, theirs = found.scene.lens, Lens(512, 512, fov[i])
        shifted = Motion(**{**asdict(frame.motion), "rotation_3d_x": 0.0})
        moved = lens.homography(lens.step_pose(shifted)) @ [255.5, 255.5, 1]
        assert moved[0] / moved[2] - 255.5 == pytest.approx(-10 / 200 * theirs.focal, rel=1e-4)
        way = lens.homography(lens.step_pose(frame.motion))
        turned = Lens(512, 512, fov[i]).homography(theirs.step_pose(Motion(rotation_3d_x=2))) @ [
            255.5,
            255.5,
            1,
        ]
        assert (way @ [255.5, 255.5, 1])[1] / (way @ [255.5, 255.5, 1])[2] == pytest.approx(
            turned[1] / turned[2], abs=1e-3
        )


def test_a_field_of_view_that_cannot_be_read_or_is_out_of_range_is_noted(imported):
    given = {"animation_mode": "3D", "translation_x": "0: (10)", "W": 512, "H": 512}
    assert "170" not in imported(samples.film(**given, fov_schedule="0: (40), 9: (170)")).text
    assert "limited to 1..150" in imported(samples.film(**given, fov_schedule="0: (40), 9: (170)")).noted(
        "fov_schedule"
    )
    found = imported(samples.film(**given, fov_schedule="0: (wide)"))
    assert "70 is used" in found.noted("fov_schedule") and found.data["motion"]["fov"] == 70


def test_expressions_of_a_3d_camera_stay_expressions(imported):
    found = imported(
        samples.film(animation_mode="3D", translation_x="0: (sin(t)), 9: (2)", translation_z="0: (t/10)")
    )
    assert re.fullmatch(
        r"0: \(-[\d.]+\*\(sin\(t\)\)\), 9: \(-[\d.]+\)", found.data["motion"]["translation_x"]
    )
    assert re.fullmatch(r"[\d.]+\*\(t/10\)", found.data["motion"]["translation_z"])


def test_the_motion_of_an_unsupported_mode_is_left_out_and_noted(imported):
    found = imported({**samples.WEBUI, "animation_mode": "Wan Video"})
    assert "motion" not in found.data
    assert "left out" in found.noted("animation_mode")


def test_video_input_paints_over_the_video(imported, tmp_path):
    video = tmp_path / "street.mp4"
    films.write(video, [np.full((48, 64, 3), 90, np.uint8)] * 4, 15)
    found = imported({**samples.WEBUI, "animation_mode": "Video Input", "video_init_path": str(video)})
    assert found.data["footage"] == {"file": str(video)}
    assert all(frame.footage.alpha == 1 for frame in found.frames)
    gone = imported({**samples.WEBUI, "animation_mode": "Video Input", "video_init_path": "gone.mp4"})
    assert "footage" not in gone.data and any("no such file" in note for note in gone.notes)


def test_interpolation_mode_paints_every_frame_from_noise_and_blends_all_the_way(imported):
    found = imported(samples.STUDIO)
    assert all(frame.diffuse and frame.painting.strength == 1 for frame in found.frames)
    assert found.frames[15].prompt.weight == pytest.approx(0.5)
    assert found.data["painting"]["seed"] == {"start": 77, "every": 3}
    assert found.data["painting"]["sampler"] == "DPM++ 2M Karras"


def test_settings_inside_a_request_are_found(imported):
    found = imported(samples.REQUEST)
    assert found.data["video"] == {"size": "1024x576", "frames": 96}
    assert list(found.data["prompts"]["at"].values()) == [
        "a kettle, studio",
        "a kettle: matte black",
    ]
    assert found.data["painting"]["sampler"] == "DPM++ 2M Karras"  # index 15 of the list
    assert found.data["painting"]["seed"] == {"behavior": "ladder"}
    assert found.data["motion"] == {"zoom": 1.01, "angle": "0:(0), 48:(0.5)"}
    assert "here the seed is 0" in found.noted("seed")
    assert "0..95" in found.noted("prompts.200")
    assert found.noted("mystery") and found.noted("model_checkpoint")


def test_the_first_of_a_list_of_settings_is_imported(imported):
    batch = {"deforum_settings": [json.loads(samples.film(seed=8)), json.loads(samples.film(seed=9))]}
    assert imported(batch).frames[0].seed == 8


def test_a_strength_is_one_minus_deforums_and_stays_readable(imported):
    def strength(written):
        return imported(samples.film(strength_schedule=written)).data["painting"]["strength"]

    assert strength("0: (0.65)") == 0.35
    assert strength("0: (0.7), 30: (.5)") == "0: (0.3), 30: (0.5)"
    assert strength("0: (0.65 - 0.1*sin(t/10))") == "0.35 + 0.1*sin(t/10)"
    assert strength("0: (0.25 * cos(t/9)**2 + 0.7)") == "0.3 - 0.25 * cos(t/9)**2"
    assert strength("0: (1 - t/100)") == "t/100"
    assert strength("0: (0.5 if t < 9 else 0.6)") == "1 - (0.5 if t < 9 else 0.6)"


def test_a_strength_that_leaves_its_range_is_limited_as_deforum_does(imported):
    found = imported(samples.film(strength_schedule="0: (0.6 + 0.5*sin(t/10))"))
    assert found.data["painting"]["strength"] == "clamp(0.4 - 0.5*sin(t/10), 0, 1)"
    assert "limited to 0..1" in found.noted("strength_schedule")
    steep = imported(samples.film(strength_schedule="0: (0), 30: (2)"))
    expected = 1 - np.clip(sample("0:(0), 30:(2)", 60), 0, 1)
    assert np.allclose(column(steep, "painting", "strength"), expected, atol=1e-6)


def test_values_that_are_not_a_number_are_interpolated_over_as_deforum_does(imported):
    found = imported(samples.film(max_frames=12, angle="0:(cos(t)**0.5)"))
    measured = [1, 0.7350525871, 0.6844393055, 0.6338260239, 0.5832127423, 0.5325994606, 0.9798827923]
    assert np.allclose(column(found, "motion", "angle")[:7], measured, atol=1e-6)
    assert "not a number" in found.noted("angle")


def test_unreadable_curves_are_left_out_and_noted_with_their_place(imported):
    found = imported(samples.film(contrast_schedule="0: 0: (1)", angle="0:(foo+1)", zoom="0:(1.0"))
    assert "grade" not in found.data and "motion" not in found.data
    for key in ("contrast_schedule", "angle", "zoom"):
        assert "left out" in found.noted(key)
        assert found.noted(key).split(":")[1].isdecimal()


def test_random_seeds_depend_on_the_films_seed(imported):
    found = imported(samples.film(seed_behavior="schedule"))  # Deforum's default: s, -1 …, s, s
    seeds = [frame.seed for frame in found.frames]
    assert seeds[0] == seeds[-2] == seeds[-1] == 5
    assert len(set(seeds[1:-2])) == 57
    assert seeds == [frame.seed for frame in imported(samples.film(seed_behavior="schedule")).frames]


@pytest.mark.parametrize("behavior", ["iter", "fixed", "ladder", "alternate", "random"])
def test_seed_behaviors_keep_their_names(imported, behavior):
    assert imported(samples.film(seed_behavior=behavior)).scene.settings.painting.seed.behavior == behavior


def test_subseeds_are_imported_where_their_schedules_are_switched_on(imported):
    mixed = {"subseed_schedule": "0: (7)", "subseed_strength_schedule": "0: (0), 20: (0.4)"}
    frames = imported(samples.film(enable_subseed_scheduling=True, **mixed)).frames
    assert (frames[20].subseed, frames[20].subseed_strength) == (7, 0.4)
    assert 0 < frames[10].subseed_strength < 0.4
    off = imported(samples.film(enable_subseed_scheduling=False, **mixed)).frames
    assert {frame.subseed_strength for frame in off} == {0.0}


def test_a_subseed_schedule_that_cannot_be_read_is_noted(imported):
    found = imported(samples.film(enable_subseed_scheduling=True, subseed_schedule="0: (import)"))
    assert "1 is used" in found.noted("subseed_schedule")
    assert {frame.subseed for frame in found.frames} == {1}


def test_prompts_are_split_at_neg_and_lora_tags(imported):
    found = imported(samples.WEBUI)
    assert [found.frames[at].loras["oue_scooter"] for at in (0, 39, 40, 99, 100)] == [0.8, 0.8, 0.4, 0.4, 0]
    assert "<lora" not in found.text and "--neg" not in found.text
    assert found.frames[0].prompt.negative == "blurry, text, nsfw, watermark"


def test_weights_are_kept_and_text_like_a_formula_is_escaped(imported):
    text = "((a mug)), (red:1.3), [dull], (glow:`0.5+t/100`), (at 12:30), (size: s), (by:t), (16:9-wide)"
    found = imported(samples.film(prompts={"0": text}))
    assert found.frames[10].prompt.text == (
        r"((a mug)), (red:1.3), [dull], (glow:0.6), (at 12:10), (size: s), (by\:t), (16\:9-wide)"
    )
    assert "weights are limited to 10" in found.noted("prompts")


def test_prompt_editing_between_sampling_steps_is_noted(imported):
    found = imported(samples.film(prompts={"0": "[a cat:a dog:0.5] and [red|blue]"}))
    assert found.frames[0].prompt.text == "[a cat:a dog:0.5] and [red|blue]"
    assert sum("between sampling steps" in note for note in found.notes) == 2


def test_a_lora_weight_may_be_an_expression(imported):
    found = imported(samples.film(prompts={"0": "a mug <lora:oue_scooter:`0.2+t/100`>, white"}))
    assert found.data["loras"] == {"oue_scooter": "0.2+t/100"}
    assert found.data["prompts"]["at"] == "a mug, white"
    assert found.frames[50].loras["oue_scooter"] == pytest.approx(0.7)


def test_a_missing_lora_file_is_named(tmp_path):
    (tmp_path / "a.txt").write_text(samples.film(prompts={"0": "a mug <lora:../../etc/marker_style>"}))
    text, notes = convert(tmp_path / "a.txt", tmp_path)
    assert "file: marker_style.safetensors" in text
    assert any("marker_style.safetensors; copy the LoRA file there" in str(note) for note in notes)


def test_prompt_keys_may_be_sums_and_the_negative_prompt_may_change_alone(imported):
    prompts = {"0": "a mug --neg blurry", "max_f/2": "a mug --neg text --neg blurry", "10/2": "a cup"}
    found = imported(samples.film(prompts=prompts, max_frames=41))
    assert found.data["prompts"]["at"] == {"0": "a mug", "5": "a cup", "20": "a mug"}
    assert found.frames[20].prompt.negative == "text, blurry"


def test_a_prompt_of_any_characters_is_kept(imported):
    prompt = 'a "mug": {red|blue}, # 7 * & ! | > % @, \\ ümläut 杯, on, yes, 1e-3'
    assert imported(samples.film(prompts={"0": prompt})).frames[0].prompt.text == prompt
    assert imported(samples.film(prompts={"0": "half \ud83d of it"})).frames[0].prompt.text == "half � of it"


def test_an_expression_in_a_prompt_stays_an_expression(imported):
    found = imported(samples.film(prompts={"0": "(red:`0.5+t/100`) mug --neg (blur:`t`)"}))
    assert found.data["prompts"]["at"] == "(red:`0.5+t/100`) mug"
    assert [found.frames[i].prompt.text for i in (0, 10)] == ["(red:0.5) mug", "(red:0.6) mug"]
    assert found.frames[2].prompt.negative == "(blur:2)"


def test_a_soundtrack_is_the_films_track(imported, tmp_path):
    write(tmp_path / "song.wav", clicks(120, 1)[0])
    found = imported(samples.film(add_soundtrack="File", soundtrack_path=str(tmp_path / "song.wav")))
    assert found.data["audio"] == {"file": str(tmp_path / "song.wav")}
    found = imported(samples.film(add_soundtrack="File", soundtrack_path="https://host/song.mp3"))
    assert "audio" not in found.data and "download it" in str(found.noted("soundtrack_path"))
    found = imported(samples.film(add_soundtrack="Init Video", soundtrack_path="song.mp3"))
    assert "audio" not in found.data and found.noted("add_soundtrack")


def test_unavailable_samplers_are_substituted(imported):
    def names(**settings):
        found = imported(samples.film(**settings))
        return found.frames[0].painting.sampler, found.noted(next(iter(settings)))

    assert names(sampler="PLMS")[0] == "DDIM" and names(sampler="PLMS")[1]
    assert names(sampler="Restart a")[0] == "Euler a"
    assert names(sampler="klms") == ("LMS", "")
    assert names(sampler="DPM++ 2M", scheduler="SGM Uniform") == ("DPM++ 2M SGM Uniform", "")
    kept, noted = names(sampler="DPM++ 2M", scheduler="Turbo")
    assert kept == "DPM++ 2M" and noted.endswith("'Turbo': schedule type not available here; left out")


def test_a_sampler_schedule_becomes_keyframes(imported):
    schedule = '0: ("Euler a"), 20: ("DPM++ 2M Karras")'
    found = imported(samples.film(enable_sampler_scheduling=True, sampler_schedule=schedule))
    assert found.data["painting"]["sampler"] == {"0": "Euler a", "20": "DPM++ 2M Karras"}


def test_a_model_that_can_be_loaded_is_kept(imported):
    found = imported(samples.film(sd_model_name="models/juggernautXL_v9.safetensors"))
    assert found.data["model"]["base"] == "juggernautXL_v9.safetensors"
    assert "beside the schedule file" in found.noted("sd_model_name")


def test_unsupported_features_that_are_on_are_noted_with_their_settings(imported):
    found = imported(
        samples.film(hybrid_motion="Optical Flow", hybrid_flow_method="RAFT", cn_1_enabled=True, cn_1_model="canny",
                     color_coherence="Video Input", use_init=True, init_image="https://x/y.png", tiling=True)
    )  # fmt: skip
    reports = (
        "hybrid_motion",
        "hybrid_flow_method",
        "cn_1_enabled",
        "cn_1_model",
        "color_coherence",
        "init_image",
        "tiling",
    )
    assert all(found.noted(key) for key in reports)
    assert len(found.notes) == len(reports)


def test_a_missing_start_image_is_noted(imported, tmp_path):
    found = imported(samples.film(use_init=True, init_image="C:\\pictures\\sketch.png", strength=0.7))
    assert "start" not in found.data
    assert any("no such file" in note for note in found.notes) and found.noted("strength")


MISTAKES = {
    '{"W": 512,\n "max_frames": 10,\n}': (3, 1, "a comma with nothing after it"),
    '{"W": 512,\n "zoom": "0:(1)",q\n "H": 1}': (2, 18, "unexpected 'q'"),
    '{"W": 512 "H": 3}': (1, 11, "expecting ',' delimiter"),
    '{"W": 512,\n "H": 3': (2, 8, "expecting"),
    "hello": (1, 1, "unexpected 'h'"),
    "": (1, 1, "expecting value"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_json_mistake_is_reported_with_line_and_column(imported, text):
    line, column, words = MISTAKES[text]
    with pytest.raises(SceneError) as caught:
        imported(text)
    # Python versions differ by a character in the place they report for a trailing comma.
    assert f"settings.txt:{line}:" in str(caught.value) and words in str(caught.value)
    assert abs(caught.value.problems[0].place.column - column) <= 2


STRANGE = [
    "[" * 100_000, '{"a": ' * 50_000, "[1, 2]", '{"max_frames": 3}', '"text"', "null", "9" * 5_000, "\0\0\0\0",
    b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\nxxxx", b"\0\0\0\x18ftypisom" + b"\xff" * 40, b"",
    samples.film(max_frames=None), samples.film(max_frames="many"), samples.film(W="wide"), samples.film(fps=True),
    samples.film(fps=0), samples.film(W=4), samples.film(max_frames=10**9, zoom="0:(1), 5:(2)")[:-2],
]  # fmt: skip


@pytest.mark.parametrize("content", STRANGE, ids=lambda content: repr(content[:12]))
def test_strange_files_are_refused_in_one_line_or_read(imported, content):
    try:
        imported(content)
    except SceneError as error:
        assert str(error).startswith("/") and "\n" not in str(error) and "settings.txt" in str(error)


@pytest.mark.parametrize(
    "value", [None, True, [], {}, "", "nonsense(", -1, 1e30, float("nan"), "0:(1)," * 30_000, {"a": []}]
)
def test_no_value_of_a_known_setting_breaks_the_import(imported, value):
    for name in ("zoom", "strength_schedule", "prompts", "sampler", "seed_behavior", "cadence", "color_coherence",
                 "animation_prompts_negative", "sd_model_name", "diffusion_cadence", "seed", "parseq_manifest"):  # fmt: skip
        try:
            imported(samples.film(**{name: value}))
        except SceneError as error:
            assert "\n" not in str(error)
