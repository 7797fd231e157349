"""Single frames: their start images, batches, and sheets of variants that can be painted again."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import RunError, loads
from animator.render.painter import FlatPainter
from animator.render.pipeline import load_painter
from animator.runs import render
from animator.runs.run import Run
from animator.runs.sheets import labelled_grid
from animator.runs.stills import paint_stills, plan_still
from animator.runs.variants import VariantAxis, plan_grid, with_values

FILM = """\
video: {size: 64x48, frames: 8, fps: 8}
prompts: {at: {0: a mug, 4: a chair}, negative: blurry}
motion: {zoom: 1.03, angle: 1}
painting: {steps: 3, strength: 0.6, guidance_scale: 2, seed: 7}
grade: {color: lab, noise: 0.05}
cadence: 3
"""
SEEDS, PROMPTS = VariantAxis("seed", (1, 2)), VariantAxis("prompt", ("a red mug", "a {blue} chair"))


@pytest.fixture
def run(run, tmp_path, checkpoint, textured):
    """Return a function that runs a command next to a film: exit status, standard output, standard error."""
    Pillow.fromarray(textured).save(tmp_path / "start.png")
    (tmp_path / "film.yaml").write_text(f"model: {{base: {checkpoint}}}\n{FILM}")
    return run


def image(file):
    with Pillow.open(file) as opened:
        return np.asarray(opened)


def apart(one, other):
    """Return the largest difference of two images, in grey levels."""
    return int(np.abs(one.astype(int) - other).max())


def test_a_still_equals_the_first_frame_of_a_film_that_begins_there(run, tmp_path):
    assert run("still", "film.yaml", "--frame", "4", "-o", "a/still.png") == (0, "a/still.png\n", "")
    run("render", "film.yaml", "--frames", "4:5", "-o", "film")
    assert (tmp_path / "a/still.png").read_bytes() == (tmp_path / "film/frames/000000004.png").read_bytes()
    run("still", "film.yaml", "--frame", "4", "-o", "b.png", "--set", "start.image=start.png")
    assert apart(image("b.png"), image("a/still.png")) > 10
    assert run("still", "film.yaml", "--frame", "0.5s")[1] == "renders/film/still-000004.png\n"


def test_a_still_of_a_run_continues_from_the_painted_frame_before_it(run, tmp_path):
    run("render", "film.yaml", "-o", "film")
    for index in (0, 3, 6, 7):
        run("still", "film", "--frame", index, "-o", "still.png")
        assert np.array_equal(image("still.png"), Run.open(tmp_path / "film").image(index)), index
    run(
        "still", "film.yaml", "--run", "film", "--frame", "5", "-o", "between.png"
    )  # that the film does not paint
    assert apart(image("between.png"), Run.open(tmp_path / "film").image(5)) > 10
    run("still", "film", "--frame", "6", "--set", "painting.seed.start=9", "-o", "other.png")
    assert apart(image("other.png"), Run.open(tmp_path / "film").image(6)) > 10


@pytest.mark.parametrize(
    "more",
    [
        "",
        "start: {image: start.png}\n",
        "start: {image: start.png}\npainting: {steps: 4, sampler: Euler a, strength: 0.5}\n",
    ],
)
def test_frames_painted_in_a_batch_equal_those_painted_one_by_one(run, film, more):
    text = FILM if "painting" not in more else FILM.replace("painting:", "x:").split("x:")[0]
    scene = film(text + more)
    cells = [
        plan_still(with_values(scene, [(SEEDS, seed), (PROMPTS, words)]), 4)
        for seed in (1, 2)
        for words in PROMPTS.values
    ]
    paint, sizes = load_painter(scene), []
    sdxl = getattr(paint, "inner", paint)
    hook = sdxl.txt2img.unet.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    alone = dict(paint_stills(cells, paint))
    calls = len(sizes)
    together = dict(paint_stills(cells, paint, batch_size=4))
    hook.remove()
    assert len(sizes) - calls == calls / 4  # a fourth of the calls, each four times as large
    assert set(sizes[calls:]) == {4 * size for size in set(sizes[:calls])}
    for number in range(4):
        assert apart(alone[number].image, together[number].image) <= 1
        assert alone[number].texts() == together[number].texts()
    assert min(apart(together[0].image, together[number].image) for number in (1, 2, 3)) > 2


def test_frames_that_cannot_be_batched_are_painted_alone(run, film):
    scene = film(
        FILM.replace("strength: 0.6", "strength: 0.6, mask: half") + "start: {image: start.png}\n"
        "masks: {half: {polygon: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}\n"
    )
    cells, paint = (
        [plan_still(with_values(scene, [(SEEDS, seed)]), 0) for seed in (1, 2)],
        load_painter(scene),
    )
    alone, together = dict(paint_stills(cells, paint)), dict(paint_stills(cells, paint, batch_size=4))
    for number in (0, 1):
        assert np.array_equal(alone[number].image, together[number].image)
    assert apart(alone[0].image[:, 40:], alone[1].image[:, 40:]) == 0 < apart(alone[0].image, alone[1].image)


def test_every_cell_of_a_sheet_can_be_painted_again_from_its_file(run, tmp_path, textured):
    args = ("--frame", 4, "--seeds", "1..2", "--strengths", "0.3,0.8", "--prompts", "a {mug}", "-o", "v")
    assert run("variants", "film.yaml", "--set", "start.image=start.png", *args) == (0, "v/sheet.png\n", "")
    names = sorted(path.name for path in (tmp_path / "v").iterdir())
    assert names == [*(f"{n:03d}.{kind}" for n in (1, 2, 3, 4) for kind in ("png", "yaml")), "sheet.png"]
    for number in (1, 4):
        run("still", f"v/{number:03d}.yaml", "--frame", 4, "-o", "again.png")
        assert apart(image("again.png"), image(f"v/{number:03d}.png")) <= 1
    with Pillow.open("v/004.png") as cell:
        assert cell.text["parameters"].startswith("a {mug}\nNegative prompt: blurry\n")
        assert "Seed: 2," in cell.text["parameters"] and "strength: 0.8" in cell.text["parameters"]
    weak, strong = image("v/001.png"), image("v/003.png")
    start = np.asarray(Pillow.fromarray(textured).resize((64, 48)))
    assert np.abs(weak.astype(int) - start).mean() < np.abs(strong.astype(int) - start).mean()
    assert max(image("v/sheet.png").shape) > 3 * 64


def test_variants_of_a_frame_of_a_run_start_from_its_frames(run, tmp_path):
    run("render", "film.yaml", "-o", "film")
    film, still = (
        Run.open(tmp_path / "film"),
        ("--set", "motion.zoom=1", "--set", "motion.angle=0", "--set", "grade.noise=0"),
    )
    run("variants", "film", "--frame", 3, "--strengths", "0,0.6", "-o", "v", *still)
    assert (
        apart(image("v/001.png"), film.image(0)) <= 3
    )  # except for its colours, which are matched once more
    assert apart(image("v/002.png"), film.image(0)) > 20
    assert run("still", "v/002.yaml", "--run", "film", "--frame", 3, "-o", "again.png")[0] == 0
    assert apart(image("again.png"), image("v/002.png")) <= 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["still", "film.yaml", "--frame", "8"], "--frame 8 is frame 8: the film's frames are 0..7\n"),
        (["still", "film.yaml", "--frame", "soon"], "--frame 'soon' is not a time"),
        (["still", "film.yaml", "--run", "gone"], "gone holds no run"),
        (["still", "film.yaml", "--run", "part", "--frame", "2"], "frame 2 is not in part: its frames are 4..6\n"),
        (["still", "film.yaml", "--run", "part", "--frame", "5"], "part lacks frame 4; complete it with: animator"),
        (["still", "film.yaml", "--run", "part", "--frame", "5", "--set", "video.size=32x32"], "part has frames of 64x48, the still would be 32x32"),
        (["variants", "film.yaml"], "nothing varies: give --seeds, --prompts, --lora-scale or --strengths\n"),
        (["variants", "film.yaml", "--strengths", "0.5"], "--strengths needs an image to paint over: give --run"),
        (["variants", "film.yaml", "--strengths", "2"], "'2': allowed 0..1"),
        (["variants", "film.yaml", "--seeds", "4..x"], "'4..x': write seeds, e.g. 1..4 or 1,5,9"),
        (["variants", "film.yaml", "--lora-scale", "1"], "'1': write it as NAME=0,0.5,1"),
        (["variants", "film.yaml", "--lora-scale", "marker=1"], "--lora-scale marker: no LoRA of that name in model.loras; none are"),
        (["variants", "film.yaml", "--seeds", "1..100", "--lora-scale", "a=0,1,2"], "300 variants; at most 256"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_before_a_model_is_loaded(run, args, words, tmp_path):
    (tmp_path / "film.yaml").write_text(f"model: {{base: someone/nothing}}\n{FILM}")
    if "part" in args:
        scene = loads(FILM, tmp_path)
        render.start_run(scene, tmp_path / "film.yaml", tmp_path / "part", (4, 7))
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert words in err and "Traceback" not in err


def test_columns_are_seeds_and_rows_all_combinations_of_the_rest():
    lora = VariantAxis("marker", (0.0, 0.5), lora=True)
    plan = plan_grid([PROMPTS, lora, SEEDS])
    assert plan.column_labels() == ["seed 1", "seed 2"]
    assert plan.row_labels() == [
        *("a red mug\nmarker 0", "a red mug\nmarker 0.5"),
        *("a {blue} chair\nmarker 0", "a {blue} chair\nmarker 0.5"),
    ]
    assert [[value for _, value in row[1]] for row in plan.cells()][2] == ["a {blue} chair", 0.0, 2]
    assert plan_grid([PROMPTS, lora]).columns is lora
    with pytest.raises(RunError, match="nothing varies"):
        plan_grid([])


def test_a_sheet_shows_every_image_with_its_labels(textured):
    plain = [np.full((60, 80, 3), grey, np.uint8) for grey in (40, 120, 200)]
    sheet = labelled_grid(
        [plain, [textured[:60, :80]] * 3],
        ["a", "b", "c"],
        ["first", "a much longer label in lines"],
        [["1", "2", "3"]] * 2,
    )
    for grey in (40, 120, 200):
        assert (sheet == grey).all(-1).sum() >= 60 * 80
    large = labelled_grid([[np.zeros((4000, 4000, 3), np.uint8)] * 5], [""] * 5, [""], [[""] * 5])
    assert max(large.shape) < 9000


def test_a_painter_without_batches_paints_one_by_one(film, textured):
    scene = film(FILM)
    paint = FlatPainter(textured[:48, :64])
    assert [number for number, _ in paint_stills([plan_still(scene, 0)] * 2, paint, batch_size=8)] == [0, 1]
