"""Round trips from Deforum to our schedule file and back: every schedule keeps its values on every frame."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from animator import loads, sample
from animator.interop import deforum
from animator.interop.deforum_export import export_deforum as exported
from animator.interop.draft import SourceFile, dump_schedule
from animator.interop.keystrings import compact, complement
from tests.interop import samples
from tests.timeline.test_deforum_parity import MEASURED

SCHEDULES = (
    "zoom", "angle", "translation_x", "translation_y", "transform_center_x", "transform_center_y", "noise_schedule",
    "strength_schedule", "contrast_schedule", "cfg_scale_schedule", "amount_schedule",
)  # fmt: skip


def there_and_back(given):
    """Return Deforum settings after a round trip through our YAML, and the YAML."""
    text = dump_schedule(deforum.read_deforum(SourceFile("settings.txt"), given).data)
    return exported(loads(text))[0], text


def assert_same(before, after, names, frames, seed=0):
    for name in names:
        was, now = (sample(given[name], frames, seed=seed) for given in (before, after))
        assert np.allclose(was, now, rtol=0, atol=1e-6), (name, before[name], after[name])


@pytest.mark.parametrize("made", [samples.WEBUI, samples.FORGE], ids=["webui", "forge"])
def test_a_whole_settings_file_survives_a_round_trip(made):
    without_loras = {**made, "prompts": {"0": "a mug --neg blurry", "30": "a cup"}}
    after, _ = there_and_back(without_loras)
    assert_same(made, after, SCHEDULES, made["max_frames"], made["seed"])
    for name in ("W", "H", "max_frames", "fps", "seed", "seed_behavior", "steps", "diffusion_cadence", "noise_type",
                 "color_coherence", "border", "animation_mode"):  # fmt: skip
        assert after[name] == made[name], name
    assert after["prompts"] == {
        "0": "a mug, product design --neg blurry, nsfw, watermark",
        "30": "a cup, product design --neg nsfw, watermark",
    }


def test_a_second_round_trip_changes_nothing():
    alone = {"prompts": {"0": "a mug --neg blurry"}, "animation_prompts_positive": ""}
    after, text = there_and_back({**samples.WEBUI, **alone})
    again, text_again = there_and_back(after)
    assert again == after
    assert text_again == text.replace('"max_f"', "119")  # the only value that is computed


@pytest.mark.parametrize("measured", MEASURED, ids=lambda measured: measured[0])
def test_schedules_measured_on_deforum_keep_its_numbers(measured):
    text, frames, seed, expected = measured
    made = json.loads(samples.film(max_frames=frames, seed=seed, translation_x=text))
    after, _ = there_and_back(made)
    values = sample(after["translation_x"], frames, seed=seed)
    assert {frame: values[frame] for frame in expected} == pytest.approx(expected, abs=1e-6)


numbers = some.one_of(
    some.floats(-5, 5).map(lambda value: f"{value:.6f}"),
    some.sampled_from(["0", ".5", "1.", "+2", "-(1)", "( 1 )", "1e-3"]),
)
terms = some.sampled_from(
    ["t", "t/10", "sin(t/7)", "cos(2*3.14*t/max_f)", "s/100", "(t%5)", "(t>9)*2", "abs(t-30)/9", "-t/20", "sqrt(t)",
     "(0.5+0.1*t)**2", "where(t<20, 1, 2)", "2 if t<9 else 1", "t//7", "t**2/900", "2**(t/30)", "min(t, 5)"]
)  # fmt: skip
formulas = some.one_of(
    terms,
    some.builds(lambda a, sign, b: f"{a} {sign} {b}", numbers, some.sampled_from("+-*"), terms),
    some.builds(lambda a, sign, b: f"{a} {sign} {b}", terms, some.sampled_from("+-"), numbers),
    some.builds(lambda a, b: f"({a}) - ({b})", terms, terms),
)
frames_ = some.one_of(
    some.integers(0, 70).map(str), some.sampled_from(['"max_f/2"', "max_f-1", "'max_f'", "-3"])
)


@some.composite
def key_strings(draw):
    values = some.one_of(numbers, formulas)
    keys = ["0", *draw(some.lists(frames_, max_size=5))]
    return ", ".join(f"{key}:{draw(some.sampled_from(['', ' ']))}({draw(values)})" for key in keys)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(key_strings(), key_strings())
def test_hundreds_of_random_schedules_survive_a_round_trip(motion, strength):
    # Deforum itself limits the strength to 0..1: compare the limited values.
    made = json.loads(samples.film(max_frames=61, translation_x=motion, strength_schedule=strength))
    after, _ = there_and_back(made)
    assert_same(made, after, ["translation_x"], 61, 5)
    expected = np.clip(sample(strength, 61, seed=5), 0, 1)
    assert np.allclose(sample(after["strength_schedule"], 61, seed=5), expected, rtol=0, atol=1e-6)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(some.lists(some.floats(-100, 100), min_size=1, max_size=60), some.integers(1, 9))
def test_values_per_frame_become_keys_without_loss(values, stretch):
    given_ = np.interp(np.arange(len(values) * stretch) / stretch, np.arange(len(values)), values)
    written = compact(given_)
    assert np.allclose(sample(written, len(given_)), given_, rtol=0, atol=1e-6)


def test_straight_lines_need_no_keys_between_their_ends():
    assert compact(np.full(900, 1.04)) == 1.04
    assert compact(np.arange(900) / 100) == "0: (0), 899: (8.99)"
    assert compact(np.concatenate([np.linspace(0, 1, 11), np.ones(50)])) == "0: (0), 10: (1)"
    assert compact(np.array([1e-7, 0, 5])) == "0: (0.0000001), 1: (0), 2: (5)"  # Deforum reads no exponents


@settings(max_examples=150, deadline=None, derandomize=True)
@given(some.one_of(numbers, formulas))
def test_a_complement_of_a_complement_is_the_value(text):
    once, twice = complement(text), complement(complement(text))
    assert np.allclose(sample(once, 40), 1 - sample(text, 40), rtol=0, atol=1e-9)
    assert np.allclose(sample(twice, 40), sample(text, 40), rtol=0, atol=1e-9)


def test_a_lens_that_changes_survives_a_round_trip():
    moves = {
        "translation_x": "0: (2), 59: (10)",
        "translation_z": "0: (1)",
        "fov_schedule": "0: (40), 59: (80)",
    }
    given = json.loads(samples.film(W=320, H=512, animation_mode="3D", **moves))
    _, text = there_and_back(given)
    back, notes = exported(loads(text))
    for name, written in moves.items():
        then, now = sample(written, 60), sample(back[name], 60)
        assert now[1:] == pytest.approx(then[1:], rel=1e-4), name  # nothing moves into frame 0
    assert not any("enlarge" in note.message for note in notes)


def test_the_enlargement_by_a_lens_that_deforum_has_not_is_noted():
    back, notes = exported(loads("motion: {fov: {0: 40, end: 60}, orbit_y: 1}"))
    assert [str(note.path[1]) for note in notes if note.path[0] == "motion"] == ["orbit_y", "fov"]
    assert sample(back["fov_schedule"], 96)[[1, 95]] == pytest.approx([40, 60 - 20 / 95], abs=1e-4)


@pytest.mark.parametrize("deep", [True, False])
def test_a_3d_camera_survives_a_round_trip(deep):
    moves = {
        "translation_x": "0: (0), 30: (15), 50: (sin(t/9))", "translation_y": "0: (0.1)",
        "translation_z": "0: (0.2), 59: (10)", "rotation_3d_x": "0: (0), 40: (0.5)",
        "rotation_3d_y": "0: (0.2*cos(t))", "rotation_3d_z": "0: (-1)",
    }  # fmt: skip
    given = {"W": 320, "H": 512, "fov_schedule": "0: (70)", "use_depth_warping": deep, "animation_mode": "3D"}
    back, _ = there_and_back(json.loads(samples.film(**given, **moves)))
    assert back["animation_mode"] == "3D" and back["use_depth_warping"] is deep
    assert sample(back["fov_schedule"], 1)[0] == pytest.approx(70, abs=1e-3)
    for name, written in moves.items():
        assert sample(back[name], 60) == pytest.approx(sample(written, 60), rel=1e-6, abs=1e-6), name
