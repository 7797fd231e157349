"""Time estimates: the profile of this machine, and the messages based on it."""

import json
import time
from pathlib import Path

import pytest

from animator import load, loads, timeline
from animator.models import nano
from animator.runs import cost, metadata, render
from animator.runs.benchmark import benchmark
from animator.runs.cost import ImageSizes, Profile
from animator.runs.render import start_run
from tests import control
from tests.product.glb_files import product

TEXT = "video: {size: 128x128, frames: 10}\nprompts: {at: a red mug}\npainting: {strength: 0.5, steps: 6}\ncadence: 3\n"


def table(scene):
    return metadata.frame_table(scene, timeline(scene))


def profile(scene, **other):
    known = {
        "machine": cost.machine_name(), "hardware": "a machine", "setup": cost.profile_setup(scene), "model": "nano",
        "width": 128, "height": 128, "measured": "2026-11-03", "load": 2.0, "guided": 1.0, "plain": 0.5, "read": 0.25,
        "write": 0.5, "frame": 0.125,
    }  # fmt: skip
    return Profile(**{**known, **other})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANIMATOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "profiles"


def test_the_cost_of_a_film_is_that_of_its_model_calls():
    scene = loads(TEXT)
    rows = table(scene)
    assert [row["steps_run"] for row in rows] == [6, 0, 0, 3, 0, 0, 3, 0, 0, 3]
    seconds = list(cost.film_seconds(rows, profile(scene), ImageSizes(128 * 128)))
    assert seconds[0] == 2 + 6 * 1.0 + 0.5 + 0.125  # the first frame encodes no image
    assert seconds[-1] == pytest.approx(2 + 15 * 1.0 + 4 * 0.5 + 3 * 0.25 + 10 * 0.125)


def test_frames_without_guidance_cost_half_and_some_samplers_call_twice():
    plain = table(loads(TEXT, settings=["painting.guidance_scale=1"]))
    assert cost.frame_seconds(plain[0], profile(loads(TEXT)), ImageSizes(128 * 128)) == 6 * 0.5 + 0.5 + 0.125
    heun = table(loads(TEXT, settings=["painting.sampler=Heun"]))
    assert [cost.model_calls(row) for row in heun] == [11, 0, 0, 5, 0, 0, 5, 0, 0, 5]
    four = cost.frame_seconds(heun[1], profile(loads(TEXT)), ImageSizes(4 * 128 * 128))
    assert four == 4 * 0.125


def test_hints_the_detail_pass_and_the_second_pass_add_their_model_calls():
    control = "control: {a: {model: some/net, scale: {0: 1, 3: 0}}, b: {model: some/net, scale: {0: 0, 3: 1, 6: 0}}}\n"
    scene = loads(
        f"{TEXT}{control}detail: {{mask: all, strength: {{0: 1, 6: 0}}}}\nmasks: {{all: {{polygon: [[0, 0], [1, 0], [1, 1]]}}}}\n"
        "output: {upscale: {by: second-pass, factor: 2, strength: 0.5}}\n"
    )
    rows, more = table(scene), profile(scene, hint=0.5, closer=0.25)
    plain = [cost.frame_seconds(row, profile(scene), ImageSizes(128 * 128)) for row in rows]
    guided = [cost.frame_seconds(row, profile(scene, hint=0.5), ImageSizes(128 * 128)) for row in rows]
    assert [a - b for a, b in zip(guided, plain, strict=True)] == [3, 0, 0, 1.5, 0, 0, 0, 0, 0, 0]
    once = [cost.frame_seconds(row, more, ImageSizes(128 * 128)) for row in rows]
    # The detail pass paints a quarter of the pixels: six steps at strength 1 without encoding, then three.
    assert [a - b for a, b in zip(once, guided, strict=True)][:7] == [6.5 / 4, 0, 0, 3.75 / 4, 0, 0, 0]
    twice = [cost.frame_seconds(row, more, ImageSizes(128 * 128, 256 * 256)) for row in rows]
    assert {a - b for a, b in zip(twice, once, strict=True)} == {(3 + 0.25 + 0.5) * 4}  # in every frame
    cost.save_profile(more)
    assert cost.expected_seconds(scene, rows)[-1] == pytest.approx(2 + sum(twice))
    assert sum(row["seconds"] for row in cost.with_seconds(scene, rows)) == pytest.approx(
        sum(twice), rel=0.01
    )
    assert (
        cost.scene_profile(loads(TEXT)) is None
    )  # a profile measured without guides is valid for films without them


def test_the_hires_fix_costs_a_small_pass_and_one_over_it():
    large = TEXT.replace("128x128", "512x512")
    scene = loads(
        large + "model: {base: nano}\n",
        settings=["painting.hires=0.5", "painting.strength={0: 0.5, 3: 0.5, 6: 0.9}"],
    )
    rows, known = table(scene), profile(scene, width=512, height=512)
    assert cost.image_sizes(scene) == ImageSizes(512 * 512, first_pass=256 * 256)
    took = [cost.frame_seconds(row, known, cost.image_sizes(scene)) - known.frame for row in rows]
    once = [cost.frame_seconds(row, known, ImageSizes(512 * 512)) - known.frame for row in rows]
    assert took[0] == once[0] / 4 + 3 + 0.25 + 0.5  # a first pass from noise, then three steps over it
    assert took[3] == once[3]  # a low strength needs no first pass
    masked = [{**row, "painting": {**row["painting"], "mask": "m"}} for row in rows]
    assert cost.frame_seconds(masked[6], known, cost.image_sizes(scene)) - known.frame == once[6]
    assert took[6] == once[6] / 4 + 3 + 0.25 + 0.5


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (42.4, "42 seconds"), (125, "2.1 minutes"), (720, "12 minutes"), (60, "60 seconds"), (9000, "2.5 hours")],
)  # fmt: skip
def test_a_duration_is_rounded_as_people_say_it(seconds, words):
    assert cost.format_duration(seconds) == f"about {words}"


def test_a_profile_is_found_for_the_same_model_and_the_nearest_size():
    scene = loads(TEXT)
    assert cost.scene_profile(scene) is None
    cost.save_profile(profile(scene))
    large = profile(scene, width=512, height=512)
    cost.save_profile(large)
    assert cost.scene_profile(scene) == profile(scene)
    assert cost.scene_profile(loads(TEXT, settings=["video.size=384x384"])) == large
    assert cost.scene_profile(loads(TEXT, settings=["model.device=cpu"])) is None
    cost.save_profile(profile(scene, load=3.0))
    assert cost.scene_profile(scene).load == 3.0  # the newer profile replaces the older one


def test_profiles_are_in_the_users_cache(monkeypatch):
    monkeypatch.delenv("ANIMATOR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cost.profiles_folder().as_posix() == "/somewhere/animator/profiles"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cost.profiles_folder().name == "profiles" and Path.home() in cost.profiles_folder().parents


def test_files_that_are_no_profile_of_this_machine_are_skipped(cache):
    scene = loads(TEXT)
    cost.save_profile(profile(scene, machine="another"))
    (cache / "a.json").write_text("no json")
    (cache / "b.json").write_text('{"machine": 3}')
    assert cost.scene_profile(scene) is None


def test_the_estimate_names_the_profile_that_it_is_based_on(tmp_path):
    (tmp_path / "film.yaml").write_text(TEXT)
    scene = load(tmp_path / "film.yaml")
    hint = f"no time estimate yet; measure this machine once with: animator bench {tmp_path / 'film.yaml'}"
    assert cost.describe_cost(scene, table(scene)) == hint
    assert cost.with_seconds(scene, table(scene)) == table(scene)
    cost.save_profile(profile(scene))
    assert (
        cost.describe_cost(scene, table(scene)) == "about 21 seconds on this machine, by the profile of 3 Nov"
    )
    assert [row["seconds"] for row in cost.with_seconds(scene, table(scene))][:2] == [6.62, 0.125]
    large = load(tmp_path / "film.yaml", ["video.size=256x256"])
    assert (
        cost.describe_cost(large, table(large))
        == "about 78 seconds on this machine, by the profile of 3 Nov at 128x128"
    )


def test_progress_is_counted_in_calls_before_a_measurement_and_in_time_after():
    rows = table(loads(TEXT))
    assert cost.progress_labels(rows, None)[::3] == [f"{n} of 15 calls" for n in (6, 9, 12, 15)]
    assert cost.progress_labels(rows, [*range(60, 660, 60)])[-1] == "10.0 of 10.0 minutes"


def test_the_estimate_is_within_a_factor_of_two_of_the_render(tmp_path):
    scene = loads(TEXT)
    for attempt in range(3):  # other load on the machine may have changed its speed
        measured = benchmark(scene, patience=0)
        began = time.perf_counter()
        for _ in render.render_run(start_run(scene, None, tmp_path / f"run{attempt}"), scene):
            pass
        took = time.perf_counter() - began
        if (
            took / 2
            < (estimated := list(cost.film_seconds(table(scene), measured, ImageSizes(128 * 128)))[-1])
            < took * 2
        ):
            break
    assert took / 2 < estimated < took * 2
    assert min(measured.guided, measured.write, measured.frame, measured.load) > 0
    assert "torch" in measured.hardware


def test_hints_and_the_detail_pass_are_measured_as_the_film_uses_them(tmp_path):
    control.write(tmp_path / "net", nano.weights_folder(), 0.1)
    text = (
        "control: {a: {model: net, hint: canny}}\ndetail: {mask: part, scale: 2}\noutput: {upscale: second-pass}\n"
        "masks: {part: {polygon: [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]], follow: false}}\n"
    )
    (tmp_path / "film.yaml").write_text(f"{TEXT.replace('frames: 10', 'frames: 4')}{text}")
    scene = load(tmp_path / "film.yaml")
    for _ in range(5):  # other load may hide the cost of a hint, but not every time
        measured = benchmark(scene, patience=0)
        if measured.hint > 0.05:
            break
    assert measured.hint > 0.05  # a ControlNet costs over a third of its UNet
    # Padded by a quarter on each side, half as wide, twice as large.
    assert measured.closer == pytest.approx(2.25)
    assert "a ControlNet, per call" in "\n".join(cost.profile_lines(measured))


def test_a_profile_is_printed_line_by_line():
    lines = cost.profile_lines(profile(loads(TEXT)))
    assert lines[0] == "nano at 128x128 on a machine"
    assert lines[3] == "a call with guidance            1.000 s"
    assert len(lines) == 7


def test_bench_stores_its_profile_for_the_commands_that_estimate_time(tmp_path, checkpoint):
    from click.testing import CliRunner

    from animator.cli import main

    file = tmp_path / "film.yaml"
    file.write_text(f"model: {{base: {checkpoint}}}\n{TEXT.replace('128x128', '64x64')}")

    def run(*args):
        result = CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    assert "animator bench" in run("check", file)
    message = run("bench", file)
    assert f"{checkpoint} at 64x64 on " in message and "a call with guidance" in message
    assert f"{file}: about" in message
    assert "on this machine, by the profile of" in run("check", file)
    explained = run("explain", file)
    assert explained.startswith("about ") and " seconds " in explained.split("\n\n")[1].splitlines()[0] + " "
    assert "seconds" not in json.loads(run("explain", file, "--json"))[0]


def test_a_film_of_a_3d_product_costs_its_key_paintings_and_its_frames(checkpoint, tmp_path):
    product(tmp_path / "lamp.glb")
    text = "video: {size: 64x64, frames: 4}\nproduct: {model: lamp.glb, keys: 2}\npainting: {steps: 4}"
    scene = loads(text, tmp_path, [f"model.base={checkpoint}"])
    measured = benchmark(scene, 0.1)
    cost.save_profile(measured)
    seconds = cost.expected_seconds(scene, table(scene))
    assert cost.count_paintings(scene) == 3
    once = cost.key_painting_seconds(scene, measured) / 3
    assert once > 0
    assert seconds[-1] == pytest.approx(measured.load + 3 * once + 4 * measured.frame)


def test_check_names_the_key_paintings_of_a_3d_product(run, tmp_path):
    product(tmp_path / "lamp.glb")
    (tmp_path / "film.yaml").write_text(
        "video: {size: 64x64, frames: 4}\nproduct: {model: lamp.glb, keys: 2}"
    )
    code, out, _ = run("check", "film.yaml")
    assert code == 0
    assert "good: 4 frames, 3 key paintings of a 3D product" in out
