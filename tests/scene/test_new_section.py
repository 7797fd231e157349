"""A new section with a file and a curve: its settings class and a field of the frames are all that is written."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
from PIL import Image as Pillow
from pydantic import Field

from animator import SceneError, timeline
from animator.frame import Frame, setting
from animator.runs.metadata import frame_table
from animator.runs.repaint import FrameFingerprints
from animator.scene.fields import GuideImageFile, ModelName, Section, curve_section
from animator.scene.model_checks import require_models
from animator.scene.read import read_scene, read_scene_text
from animator.scene.resolve import to_yaml
from animator.scene.settings import Settings
from animator.timeline.compile import scene_advice
from animator.timeline.load import check_all


@dataclass(frozen=True, slots=True)
class Glow:
    amount: float = setting(0.0, "light added from the image; 0 is off", 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class GlowFrame(Frame):
    glow: Glow = Glow()


class GlowOptions(Section):
    image: GuideImageFile | None = Field(None, description="image of the light")
    model: ModelName | None = Field(None, description="network that places the light")


GlowCurves: Any = curve_section("GlowCurves", Glow, GlowOptions)


class GlowSettings(Settings):
    frame_type: ClassVar[type[Frame]] = GlowFrame
    glow: GlowCurves = Field(default_factory=GlowCurves)


@pytest.fixture
def glowing(tmp_path):
    """Read and check a film of four frames whose section `glow` is the given text."""
    Pillow.new("RGB", (8, 8), "white").save(tmp_path / "light.png")
    (tmp_path / "text.png").write_text("not an image")

    def read(glow):
        text = f"video: {{frames: 4, size: 16x16}}\nglow: {glow}\n"
        return check_all(*read_scene_text(text, tmp_path, root=GlowSettings))

    return read


@pytest.mark.parametrize(
    ("glow", "message"),
    [
        ("{image: gone.png}", "<text>:2:15: glow.image: no such file: FOLDER/gone.png"),
        (
            "{image: text.png}",
            "<text>:2:15: glow.image: cannot be used as an image: ",
        ),
        ("{amount: 2}", "<text>:2:16: glow.amount: 2 at frame 0; allowed 0..1"),
        ("{amuont: 1}", "<text>:2:8: glow.amuont: no such setting; did you mean 'amount'?"),
    ],
)
def test_the_check_names_a_missing_or_unreadable_file_and_a_wrong_curve(glowing, tmp_path, glow, message):
    with pytest.raises(SceneError) as caught:
        glowing(glow)
    assert str(caught.value).startswith(message.replace("FOLDER", str(tmp_path)))


def test_a_missing_model_is_reported_before_painting(glowing):
    with pytest.raises(
        Exception, match="glow.model './net': no such folder or file; allowed: a hub id, a folder"
    ):
        require_models(glowing("{model: ./net}"))


def test_the_resolved_schedule_renders_the_same_from_another_folder(glowing, tmp_path):
    film = glowing("{image: light.png, amount: 0.5}")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "film.yaml").write_text(to_yaml(film))
    again = check_all(*read_scene(elsewhere / "film.yaml", root=GlowSettings))
    assert again.settings.glow.image == str(tmp_path / "light.png")
    assert timeline(again) == timeline(film)
    assert FrameFingerprints(again, timeline(again)).keys == FrameFingerprints(film, timeline(film)).keys


def test_the_frame_table_has_a_column_of_the_curve(glowing):
    film = glowing("{amount: {0: 0, 2: 1}}")
    rows = frame_table(film, timeline(film))
    assert [row["glow"] for row in rows] == [{"amount": value} for value in (0.0, 0.5, 1.0, 1.0)]


def test_fingerprints_change_with_the_content_of_the_file(glowing, tmp_path):
    film = glowing("{image: light.png}")
    before = FrameFingerprints(film, timeline(film))
    assert str(tmp_path / "light.png") in before.files
    Pillow.new("RGB", (8, 8), "black").save(tmp_path / "light.png")
    after = FrameFingerprints(film, timeline(film)).keys
    assert all(before.keys[index] != after[index] for index in range(4))


def test_fingerprints_change_only_from_the_frame_on_which_the_curve_changes(glowing):
    keys = []
    for late in (0.2, 0.3):
        film = glowing(f"{{amount: {{0: 0.1, 1: 0.1, 3: {late}}}}}")
        frames = [replace(frame, diffuse=True) for frame in timeline(film)]
        keys.append(FrameFingerprints(film, frames).keys)
    assert [keys[0][index] == keys[1][index] for index in range(4)] == [True, True, False, False]


def test_a_key_after_the_end_of_the_film_gives_a_note(glowing):
    notes = map(str, scene_advice(glowing("{amount: {0: 0, 50: 1}}")))
    assert any("glow.amount.50: key 50 is frame 50, outside the film's 0..3" in note for note in notes)
