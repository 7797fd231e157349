"""Export to Deforum: curves that it would read differently are written as the values of all frames."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import loads, sample, timeline
from animator.interop.deforum_export import export_deforum
from tests import lora_files
from tests.timeline.tracks import clicks, write

BASE = "video: {frames: 40, fps: 20, size: 512x512}\n"


def exported(text, folder="."):
    scene = loads(BASE + text, folder)
    written, notes = export_deforum(scene)
    return written, [str(note) for note in notes], timeline(scene)


OURS = [
    "{0: 1, 1s: {value: 1.1, ease: in-out-sine}, end: 1}", "1 + 0.01*noise(t/9, 3)", "1 + 0.01*sin(2*pi*sec)", "1.02",
    "{10: 1.01, 50: 1.05}", "0:(1), 20:(1+0.001*k)", "max(1, 1.1 - t/100)", "1 + 0.01*p if t > 5 else 1", "1.0 + t**2/9999",
    "1 + (t**9 % 7)/100", "'0:(1.0), 10:(1+0.01*sin(t/3)), 30:(1.02)'", "1 + 0.001*(t//3)", "{10: 1 + t/1000, 20: 1}",
]  # fmt: skip


@pytest.mark.parametrize("zoom", OURS)
def test_every_way_to_write_a_curve_gives_deforum_the_same_values(zoom):
    quoted = zoom if zoom.startswith(("{", "'")) else f"'{zoom}'"
    written, _, frames = exported(f"motion: {{zoom: {quoted}}}\n")
    assert np.allclose(
        sample(written["zoom"], 40), [frame.motion.zoom for frame in frames], rtol=0, atol=1e-6
    )
    # Commas and colons, at which Deforum splits schedules, occur nowhere else, and there is always a key 0.
    assert re.fullmatch(r"\d+: \([^,:]+\)(, \d+: \([^,:]+\))*", written["zoom"])
    assert written["zoom"].startswith("0: (")


def test_expressions_that_deforum_knows_are_kept():
    written, _, _ = exported("motion: {zoom: 1.002 + 0.001*sin(t/48), angle: '0:(0), 30:(t/2)'}\n")
    assert written["zoom"] == "0: (1.002 + 0.001*sin(t/48))"
    assert written["angle"] == "0: (0), 30: (t/2)"


def test_rates_per_second_and_positions_become_steps_per_frame():
    written, _, frames = exported("motion: {per: second, angle: 40}\n")
    assert written["angle"] == "0: (2)"
    written, _, frames = exported("motion: {as: position, angle: {0: 0, 20: 90, end: 90}}\n")
    assert np.allclose(sample(written["angle"], 40), [frame.motion.angle for frame in frames], atol=1e-6)


def test_every_default_of_deforum_is_overridden():
    written, _, _ = exported("prompts: {at: a mug}\nmodel: {base: some/model}\n")
    assert written["strength_schedule"] == "0: (0.55)"
    assert written["noise_schedule"] == written["amount_schedule"] == "0: (0)"
    assert written["contrast_schedule"] == "0: (1)" and written["cfg_scale_schedule"] == "0: (6)"
    assert written["color_coherence"] == "None" and written["diffusion_cadence"] == 1
    assert written["enable_noise_multiplier_scheduling"] is False and written["legacy_colormatch"] is False
    assert written["prompts"] == {"0": "a mug"} and written["sampler"] == "Euler" and written["steps"] == 20


def test_prompts_carry_their_negatives_and_loras(tmp_path):
    lora_files.write(tmp_path / "oue_scooter.safetensors", lora_files.anyones())
    written, notes, _ = exported(
        "model: {loras: {scooter: {file: oue_scooter.safetensors}}}\n"
        "prompts: {at: {0: a mug, 20: a cup}, negative: {0: text, 30: blur}, common: white, travel: 5}\n"
        "loras: {scooter: {0: 0.5, 10: {value: 0.9, ease: step}}}\n",
        tmp_path,
    )
    assert written["prompts"] == {
        "0": "a mug, white <lora:oue_scooter:0.5> --neg text",
        "10": "a mug, white <lora:oue_scooter:0.9> --neg text",
        "20": "a cup, white <lora:oue_scooter:0.9> --neg text",
        "30": "a cup, white <lora:oue_scooter:0.9> --neg blur",
    }
    assert any("prompts.travel" in note for note in notes)


def test_seeds_and_samplers_over_time_are_schedules():
    written, _, frames = exported(
        "painting: {seed: {start: 9, every: 3}, steps: {0: 10, end: 20}, sampler: {0: Euler a, 20: DPM++ 2M}}\n"
    )
    assert written["seed"] == 9 and written["seed_behavior"] == "schedule"
    assert np.array_equal(sample(written["seed_schedule"], 40), [frame.seed for frame in frames])
    assert written["enable_sampler_scheduling"] is True
    assert written["sampler_schedule"] == '0: ("Euler a"), 20: ("DPM++ 2M")'
    assert written["enable_steps_scheduling"] is True


def test_settings_that_deforum_lacks_are_noted_with_their_place():
    _, notes, _ = exported("motion: {border: reflect}\npainting: {seed: {behavior: random}}\n")
    assert any("motion.border" in note and ":2:" in note for note in notes)
    assert any("painting.seed" in note for note in notes)
    _, notes, _ = exported("painting: {schedule: beta}\n")
    assert any("painting.schedule: " in note and "schedule type" in note for note in notes)


def test_subseeds_are_written_and_read_back(imported):
    written, notes, frames = exported("painting: {seed: {subseed: 99, subseed_strength: {0: 0, 20: 0.5}}}\n")
    assert written["enable_subseed_scheduling"] is True and not any("subseed" in note for note in notes)
    again = imported(written).frames
    assert [frame.subseed for frame in again] == [99] * len(frames)
    mixed = [[frame.subseed_strength for frame in film] for film in (frames, again)]
    assert mixed[0][20] == 0.5 and np.allclose(*mixed, atol=1e-6)
    assert exported("")[0]["enable_subseed_scheduling"] is False


def test_cuts_views_and_closed_loops_are_noted(tmp_path):
    Pillow.new("RGB", (4, 4)).save(tmp_path / "side.png")
    _, notes, _ = exported("views: {4: side.png}\ncuts: [9]\n", tmp_path)
    assert any("views: left out" in note for note in notes)
    assert any("cuts: Deforum has no cuts" in note for note in notes)
    _, notes = export_deforum(loads("video: {frames: 8, loop: closed}"))
    assert any("video.loop: Deforum cannot close a loop" in str(note) for note in notes)


def test_moves_shakes_and_a_track_become_steps_per_frame(tmp_path):
    write(tmp_path / "track.wav", clicks(120, 2)[0])
    text = (
        "video: {frames: 40, size: 256x256}\naudio: {file: track.wav}\n"
        "motion: {zoom: 1.01, angle: onset, moves: {0: push-in}, shake: walk}\n"
    )
    written, _ = export_deforum(loads(text, tmp_path))
    frames = timeline(loads(text, tmp_path))
    for name in ("zoom", "angle", "translation_x"):
        wanted = [getattr(frame.motion, name) for frame in frames]
        assert sample(written[name], 40) == pytest.approx(wanted, abs=1e-6)
