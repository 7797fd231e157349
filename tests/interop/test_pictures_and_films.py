"""Import of images and videos by their metadata: A1111's infotext, and schedule files of our own."""

from __future__ import annotations

import io

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from animator import SceneError, load, timeline
from animator.interop.convert import convert
from animator.interop.draft import SourceFile
from animator.interop.metadata import read_own_film
from animator.render.painter import FlatPainter, draw_test_card
from animator.runs import render
from animator.runs.metadata import frame_table, frame_table_csv

INFOTEXT = """\
product photo of a mug, (ceramic:1.2), <lora:oue_scooter:0.7>
on a table
Negative prompt: blurry, text
Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: 3871, Size: 1152x896, Model hash: 31e35c80fc, \
Model: sd_xl_base_1.0, Lora hashes: "oue_scooter: 1f2e", Clip skip: 1, Version: v1.9.4"""


def png(text, key="parameters"):
    info, data = PngInfo(), io.BytesIO()
    info.add_itxt(key, text)
    Pillow.new("RGB", (8, 8)).save(data, "PNG", pnginfo=info)
    return data.getvalue()


def test_an_images_infotext_sets_the_look_of_the_film(imported):
    found = imported(png(INFOTEXT), "mug.png")
    assert (
        found.text
        == """\
# mug.png: infotext of an image
video: {size: 1152x896}
model:
  base: stabilityai/stable-diffusion-xl-base-1.0
  loras: {oue_scooter: {file: oue_scooter.safetensors}}
prompts:
  at: product photo of a mug, (ceramic:1.2), on a table
  negative: blurry, text
painting: {seed: 3871, guidance_scale: 5.5, steps: 28, sampler: DPM++ 2M Karras}
loras: {oue_scooter: 0.7}
"""
    )
    assert found.notes == ["mug.png: Clip skip: '1': has no counterpart here"]


def test_an_images_second_seed_and_schedule_type_are_imported(imported):
    text = INFOTEXT.replace("Clip skip: 1", "Variation seed: 99, Variation seed strength: 0.25")
    found = imported(text.replace("Karras", "SGM Uniform"), "mug.txt")
    frame = found.frames[0]
    assert (frame.seed, frame.subseed, frame.subseed_strength) == (3871, 99, 0.25)
    assert frame.painting.sampler == "DPM++ 2M SGM Uniform"
    assert found.notes == []


def test_an_infotext_may_come_as_a_text_file(imported):
    assert imported(INFOTEXT, "mug.txt").frames[0].painting.steps == 28


@pytest.mark.parametrize(
    "content", [png("a mug"), png("", "other"), png("- no film", "animator-film"), png("", "animator-film")]
)
def test_an_image_without_a_recipe_is_refused(imported, content):
    with pytest.raises(SceneError, match=r"mug\.png: "):
        imported(content, "mug.png")


FILM = """\
extends: base
vars: {what: "scooter {{x}}"}
video: {size: 64x48, frames: 9, fps: 12}
prompts: {at: {0: "sketch of a {what}", 0.5s: 'photo, a: "b" #7'}, negative: {0: text, 4: blur}, travel: 2, common: white; = x}
motion: {per: second, zoom: {0: 1, end: {value: 1.2, ease: out-cubic}}, angle: 4*sin(sec)}
painting: {strength: "0:(0.3), 5:(0.6)", seed: {start: 7, behavior: ladder}, steps: {0: 5, 4: 9}}
grade: {noise: 0.01, color: lab}
cadence: 3
"""


@pytest.fixture
def run(tmp_path):
    """Return the folder of a run painted without a model."""
    (tmp_path / "film.yaml").write_text(FILM)
    (tmp_path / "base.yaml").write_text("painting: {guidance_scale: 4.5}\ngrade: {contrast: 1.1}\n")
    scene = load(tmp_path / "film.yaml")
    painter = FlatPainter(draw_test_card(*scene.size))
    for _ in render.render_run(
        render.start_run(scene, tmp_path / "film.yaml", tmp_path / "run"), scene, lambda _: painter
    ):
        pass
    return tmp_path / "run"


def imported_from(file, folder):
    text, notes = convert(file, folder)
    (folder / "again.yaml").write_text(text)
    return load(folder / "again.yaml"), text, [str(note) for note in notes]


@pytest.mark.parametrize("name", ["video.mp4", "frames/000000006.png"])
def test_a_film_and_each_of_its_frames_contain_the_schedule_file(run, tmp_path, name):
    scene, text, notes = imported_from(run / name, tmp_path)
    assert frame_table_csv(frame_table(scene, timeline(scene))) == (run / "frames.csv").read_text()
    assert not notes
    assert len(text.splitlines()) < 30  # defaults are left out again


def test_a_video_of_another_program_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"\0" * 12 + b"\0\0\0\x08moov")
    with pytest.raises(SceneError, match="contains no schedule file"):
        convert(tmp_path / "a.mp4", tmp_path)


def test_a_film_whose_files_are_missing_is_read_without_notes_on_them_and_with_all_others():
    text = "video: {size: no such file}\nstart: {image: gone.png}\naudio: {file: gone.wav}\n"
    draft = read_own_film(SourceFile("film.mp4"), text)
    assert [note.path for note in draft.notes] == [("video", "size")]
    assert draft.data["start"] == {"image": "gone.png"}
