"""A table of shots as a film."""

import pytest

from animator import SceneError, load
from animator.timeline.compile import timeline

TABLE = """\
time,sentence,motion,material,transition
0,photo of a {product},push-in,matte black,
1s,close photo of a {product},hold,,
2s,"photo of a {product}, night city",pull-out,brushed metal,blend
"""


@pytest.fixture
def film(tmp_path):
    (tmp_path / "film.yaml").write_text(
        "storyboard: shots.csv\nvars: {product: red mug}\nvideo: {fps: 10, duration: 3s}\n"
    )

    def write(table=TABLE, *settings):
        (tmp_path / "shots.csv").write_text(table, encoding="utf-8-sig")
        return load(tmp_path / "film.yaml", settings)

    return write


def test_each_line_is_a_shot_with_its_sentence_and_material(film):
    frames = timeline(film())
    assert [frames[i].prompt.text for i in (0, 10, 20)] == [
        "photo of a red mug, matte black",
        "close photo of a red mug",
        "photo of a red mug, night city, brushed metal",
    ]


def test_shots_are_cut_unless_they_blend(film):
    assert [frame.shot for frame in timeline(film())] == [0] * 10 + [10] * 20


def test_the_motion_column_moves_the_camera(film):
    frames = timeline(film())
    assert frames[5].motion.zoom > 1 and frames[15].motion.zoom == 1 and frames[25].motion.zoom < 1


def test_variables_are_substituted_in_the_table(film):
    assert timeline(film(TABLE, "product=blue chair"))[0].prompt.text == "photo of a blue chair, matte black"


def test_the_settings_of_the_schedule_file_are_kept(film):
    scene = film(TABLE, "prompts.negative=blurry")
    assert scene.settings.prompts.negative == "blurry" and scene.frames == 30


def test_a_table_from_a_spreadsheet_with_semicolons_is_read(film):
    assert len({frame.shot for frame in timeline(film("Time;Sentence\n0;a mug\n1s;a chair\n"))}) == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("time,sentence,motion\n0,a mug,sideways\n", "shots.csv:2:1: motion.moves.0"),
        ("time,sentence\n0,a mug\n1s,\n", "shots.csv:3:1: sentence: must be given in every line"),
        ("time,sentence\n0,a mug\n0,a chair\n", "shots.csv:3:1: time: '0' is written twice"),
        ("time,sentence\n0,a mug\nlater,a chair\n", "shots.csv:3:1: "),
        ("time,sentence,transition\n0,a mug,wipe\n", "allowed: cut, blend"),
        ("time,text\n0,a mug\n", "film.yaml:1:13: storyboard: "),
        ("time\n0\n", "no column 'sentence'"),
        ("time,sentence\n", "it has no shots"),
        ("time,sentence\n0,a {thing}\n", "unknown variable '{thing}'"),
    ],
)
def test_a_mistake_in_the_table_is_reported_with_its_line(film, table, said):
    with pytest.raises(SceneError) as caught:
        film(table)
    assert said in str(caught.value)


def test_a_missing_table_is_reported(film, tmp_path):
    with pytest.raises(SceneError, match="storyboard: .*none.csv: No such file"):
        film(TABLE, "storyboard=none.csv")
