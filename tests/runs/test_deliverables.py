"""Deliverables of a run, made after its last frame or later from its frames, checked by decoding."""

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from animator import RunError, load
from animator.interop.convert import convert
from animator.models.painter import FunctionPainter
from animator.runs import render
from animator.runs.deliverables import deliver
from animator.runs.run import Run
from animator.timeline.audio import SAMPLE_RATE, AudioClip, read_samples
from tests.imaging.test_codecs import decode
from tests.runs.test_video import probe
from tests.timeline.tracks import clicks, write

WIDTH, HEIGHT, FRAMES = 96, 64, 12
RED, PAPER = (192, 48, 48), (230, 228, 220)
TEXT = """\
video: {size: 96x64, fps: 12, frames: 12}
start: {image: disk.png}
prompts: {at: {0: a (red:1.2) mug, 6: a blue mug}}
masks: {product: {color: "#c03030", within: 30}}
motion: {translation_x: 3}
cadence: 4
"""


def disk():
    """Return an image of a red disk on a light background, left of the centre."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.where((((x - 30) ** 2 + (y - 34) ** 2) < 14**2)[..., None], RED, PAPER).astype(np.uint8)


def keep(frame, start):
    """Paint nothing: return the start image."""
    return disk() if start is None else start


def paint(folder, more="", text=TEXT, span=None):
    """Render the film in `folder`; return the run and its scene."""
    Pillow.fromarray(disk()).save(folder / "disk.png")
    (folder / "film.yaml").write_text(text + more)
    scene = load(folder / "film.yaml")
    run = render.start_run(scene, folder / "film.yaml", folder / "run", span)
    for _ in render.render_run(run, scene, lambda _: FunctionPainter(keep)):
        pass
    return run, scene


def made(run, scene, words=None):
    """Make the files; return their descriptions by name. None may fail."""
    found = list(deliver(run, scene, words))
    assert not [file for file in found if file.failed]
    return {item.file.name: item.description for item in found}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("film"))


def shown(run):
    return np.stack([run.image(index) for index in range(run.first, run.stop)]).astype(int)


def is_red(images):
    return np.abs(images.astype(int) - RED).max(-1) < 12


@pytest.mark.parametrize("word", ["h265", "av1", "webm", "prores"])
def test_a_video_shows_every_frame_at_the_films_rate(film, word):
    run, scene = film
    [(name, says)] = made(run, scene, [word]).items()
    found = decode(run.folder / name, WIDTH, HEIGHT)[..., :3].astype(int)
    assert found.shape[0] == FRAMES
    assert np.abs(found - shown(run))[:, :16, 60:].max() <= 3  # background
    assert np.abs(found - shown(run)).mean() < 2
    assert "12 fps" in probe(run.folder / name) and "Duration: 00:00:01.00" in probe(run.folder / name)
    assert says.startswith("12 frames of 96x64 at 12 fps, ")


@pytest.mark.parametrize("word", ["webm-alpha", "prores-alpha"])
def test_a_cut_out_follows_its_mask_as_it_moves_with_the_film(film, word):
    run, scene = film
    [name] = made(run, scene, [word])
    found = decode(run.folder / name, WIDTH, HEIGHT)
    assert len(found) == FRAMES
    for index, (image, whole) in enumerate(zip(found, shown(run), strict=True)):
        solid = image[..., 3] > 128
        assert (solid != is_red(whole)).sum() <= 12  # of about 610 pixels, at the edge of the disk
        assert abs(np.argwhere(solid)[:, 1].mean() - (30 + 3 * index)) < 0.3
        inside = image[34 - 6 : 34 + 6, 24 + 3 * index : 36 + 3 * index]
        assert np.abs(inside[..., :3].astype(int) - RED).max() <= 3
        assert inside[..., 3].min() >= 252


def test_stills_and_the_archive_can_be_cut_outs(film):
    run, scene = film
    made(run, scene, ["webp-alpha", "zip-alpha", "poster-alpha"])
    with zipfile.ZipFile(run.folder / "cutout.zip") as file:
        names = [f"{index:09d}.png" for index in range(FRAMES)]
        assert file.namelist() == [*names, "resolved.yaml"]
        images = [Pillow.open(io.BytesIO(file.read(name))) for name in names]
        assert all("animator-film" in image.text for image in images)
        found = np.stack([np.asarray(image) for image in images])
    assert ((found[..., 3] == 255) == is_red(shown(run))).mean() > 0.995
    with Pillow.open(run.folder / "cutout.webp") as film_of_it:
        for frame, image in zip(ImageSequence.Iterator(film_of_it), found, strict=True):
            assert np.abs(np.asarray(frame.convert("RGBA"))[..., 3].astype(int) - image[..., 3]).mean() < 3
    with Pillow.open(run.folder / "cutout.png") as image:
        assert image.mode == "RGBA"


def test_a_cut_out_can_use_any_mask_expression_and_shape(tmp_path):
    run, scene = paint(tmp_path, "output: {mask: '!product', frame: {1x1: {x: 0}}}\n")
    made(run, scene, ["zip-alpha@1x1"])
    with zipfile.ZipFile(run.folder / "cutout-1x1.zip") as file:
        found = np.asarray(Pillow.open(io.BytesIO(file.read("000000011.png"))))
    assert found.shape == (64, 64, 4)
    assert ((found[..., 3] == 0) == is_red(shown(run)[11, :, :64])).mean() > 0.995


@pytest.mark.parametrize(
    ("cut", "without", "span"),
    [
        ("cuts: [6]\n", "", None),
        ("cuts: [6]\n", "start: {image: disk.png}\n", None),
        ("", "start: {image: disk.png}\n", (4, 10)),
    ],
)
def test_a_cut_out_starts_again_with_each_shot_and_with_its_first_frame(tmp_path, cut, without, span):
    run, scene = paint(tmp_path, cut, TEXT.replace(without, ""), span)
    made(run, scene, ["zip-alpha"])
    with zipfile.ZipFile(run.folder / "cutout.zip") as file:
        names = file.namelist()[:-1]
        found = np.stack([np.asarray(Pillow.open(io.BytesIO(file.read(name)))) for name in names])
    assert len(found) == run.stop - run.first
    assert ((found[..., 3] > 128) == is_red(shown(run))).mean() > 0.995
    if cut:  # the second shot starts with the disk in its first place
        assert abs(np.argwhere(found[6, ..., 3] > 128)[:, 1].mean() - 30) < 0.5


def test_the_archive_holds_the_frame_files_of_the_run_unchanged(film):
    run, scene = film
    made(run, scene, ["zip"])
    with zipfile.ZipFile(run.folder / "frames.zip") as file:
        for index in range(FRAMES):
            assert file.read(f"{index:09d}.png") == run.image_file(index).read_bytes()


def test_a_gif_and_a_webp_of_a_film_without_a_loop_play_every_frame_once(film):
    run, scene = film
    made(run, scene, ["gif", "webp"])
    for name, once in (("video.gif", None), ("video.webp", 1)):
        with Pillow.open(run.folder / name) as image:
            assert image.info.get("loop") == once
            frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]
        assert len(frames) == FRAMES
        assert np.abs(np.stack(frames) - shown(run))[:, :16, 60:].max() <= 3


@pytest.mark.parametrize(
    ("loop", "more", "count", "flag"),
    [("closed", "", 12, 0), ("boomerang", "", 22, 0), ("boomerang", "output: {repeat: once}", 22, None)],
)
def test_loops_repeat_endlessly_and_a_boomerang_plays_backwards(tmp_path, loop, more, count, flag):
    text = TEXT.replace("frames: 12}", f"frames: 12, loop: {loop}}}").replace("x: 3", "x: 3*cos(2*pi*t/12)")
    run, scene = paint(tmp_path, more, text)
    made(run, scene, ["gif", "webm"])
    with Pillow.open(run.folder / "video.gif") as image:
        assert image.info.get("loop") == flag
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]
    assert len(frames) == count == len(decode(run.folder / "video.webm", WIDTH, HEIGHT))
    if count > FRAMES:
        for there, back in ((1, 21), (5, 17), (10, 12)):
            assert np.array_equal(frames[there], frames[back])


def test_a_part_of_a_closed_loop_does_not_repeat(tmp_path):
    text = TEXT.replace("frames: 12}", "frames: 12, loop: closed}").replace("x: 3", "x: 3*cos(2*pi*t/12)")
    run, scene = paint(tmp_path, "", text, (4, 9))
    made(run, scene, ["gif", "zip-alpha", "sheet", "srt"])
    with Pillow.open(run.folder / "video.gif") as image:
        assert (image.n_frames, image.info.get("loop")) == (5, None)
    assert (run.folder / "video.srt").read_text().splitlines()[1] == "00:00:00,000 --> 00:00:00,167"


def test_a_shape_is_a_video_of_its_own_that_moves_as_its_curves_say(tmp_path):
    frame = (
        "output: {frame: {9x16: {x: '(30.5 + 3*t)/96'}, 120x100: {zoom: 1 + p}, 1:1: {}}, also: [gif@9x16]}\n"
    )
    run, scene = paint(tmp_path, frame)
    says = made(run, scene)
    assert list(says) == ["video-9x16.mp4", "video-120x100.mp4", "video-1x1.mp4", "video-9x16.gif"]
    follows = decode(run.folder / "video-9x16.mp4", 36, 64)
    assert len(follows) == FRAMES
    for image in follows:  # the disk stays where it is
        assert np.abs(np.argwhere(is_red(image[..., :3]))[:, 1].mean() - 17.5) < 0.7
    grows = [is_red(image[..., :3]).mean() for image in decode(run.folder / "video-120x100.mp4", 48, 40)]
    assert grows[4] > 1.5 * grows[0]
    assert "12 fps" in probe(run.folder / "video-1x1.mp4")


def test_a_shape_follows_the_product_and_may_keep_it_off_its_middle(tmp_path):
    frame = "output: {frame: {9x16: {follow: product}, 1x2: {follow: product, x: 0.45}}}\n"
    run, scene = paint(tmp_path, frame)
    made(run, scene)
    for name, wide, middle in (("9x16", 36, 17.5), ("1x2", 32, 15.5 + 4.8)):
        for image in decode(run.folder / f"video-{name}.mp4", wide, 64)[2:-2]:
            assert np.abs(np.argwhere(is_red(image[..., :3]))[:, 1].mean() - middle) < 1


def test_a_sound_goes_into_every_video_and_ends_with_it(tmp_path):
    samples, _ = clicks(60, 6, first=0.75)
    write(tmp_path / "track.wav", samples)
    run, scene = paint(tmp_path, "audio: {file: track.wav, start: 0.5}\noutput: {frame: [1x1]}\n")
    for name in made(run, scene, ["webm", "prores", "mp4@1x1"]):
        heard = read_samples(AudioClip(run.folder / name, 0, 9))
        assert len(heard) / SAMPLE_RATE == pytest.approx(1.0, abs=0.03)
        assert np.flatnonzero(np.abs(heard) > 0.2)[0] / SAMPLE_RATE == pytest.approx(0.25, abs=0.004)


@pytest.mark.parametrize(("more", "says"), [("", None), ("output: {poster: 50%}", "frame 6")])
def test_the_poster_is_the_named_frame_or_a_late_painted_frame(tmp_path, more, says):
    run, scene = paint(tmp_path, more)
    found = made(run, scene, ["poster"])["poster.png"]
    assert found == (says or "frame 8")  # 0, 4 and 8 are painted
    index = int(found.split()[1])
    assert (run.folder / "poster.png").read_bytes() == run.image_file(index).read_bytes()


WORDS = ["gif", "webp", "webm", "webm-alpha", "prores", "h265", "sheet", "poster-alpha"]


def test_every_file_contains_the_film_and_import_restores_it(film, tmp_path):
    run, scene = film
    for name in made(run, scene, WORDS):
        text, notes = convert(run.folder / name, tmp_path)
        (tmp_path / "again.yaml").write_text(text)
        again = load(tmp_path / "again.yaml").settings
        assert again.model_dump(exclude={"start"}) == scene.settings.model_dump(exclude={"start"})
        assert not notes


def test_a_failed_file_does_not_stop_the_others_and_leaves_no_draft(tmp_path):
    run, scene = paint(tmp_path, "output: {also: [gif, poster, sheet], max_size: 1kB}\n")
    (run.folder / ".poster.png.draft").mkdir()  # blocks the draft file
    found = {item.file.name: item for item in deliver(run, scene)}
    assert [name for name, item in found.items() if item.failed] == ["video.gif", "poster.png"]
    assert "still" in found["video.gif"].description and "max_size" in found["video.gif"].description
    assert all("\n" not in item.description for item in found.values())
    assert f"animator encode {run.folder} --also gif" in found["video.gif"].description
    assert len(run.saved) == FRAMES
    assert not [path for path in run.folder.iterdir() if path.name.startswith("video.gif")]
    assert (run.folder / "sheet.jpg").exists()


def test_only_missing_files_are_made_again(tmp_path):
    run, scene = paint(tmp_path, "output: {also: [sheet, poster]}\n")
    assert list(made(run, scene)) == ["sheet.jpg", "poster.png"]
    for name in ("sheet.jpg", "video.mp4"):
        (run.folder / name).unlink()
    assert list(made(Run.open(run.folder), scene)) == ["video.mp4", "sheet.jpg"]
    assert list(made(run, scene)) == []
    assert list(made(run, scene, ["poster"])) == ["poster.png"]


def test_a_run_with_missing_frames_is_an_error_that_names_resume(tmp_path):
    run, scene = paint(tmp_path)
    run.image_file(7).unlink()
    with pytest.raises(RunError, match=f"frame 7 is missing; make it with: animator resume {run.folder}"):
        list(deliver(Run.open(run.folder), scene, ["gif"]))


def test_encode_loads_neither_torch_nor_diffusers(film):
    code = f"""
import sys
from animator.cli import main
try:
    main(["encode", {str(film[0].folder)!r}, "--also", "srt", "--also", "poster-alpha"])
except SystemExit as end:
    assert not end.code, end.code
assert not {{"torch", "diffusers", "transformers"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
