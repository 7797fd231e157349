"""A run's folder: the files written, the frames that count as saved, and the resume point."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import Frame, RunError
from animator.frame import Painting, Prompt
from animator.runs.atomic import write_atomic
from animator.runs.metadata import a1111_parameters, flatten, frame_row, frame_table_csv
from animator.runs.run import Run
from animator.timeline.cadence import slice_film


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", 0, 6, {"settings.yaml": b"# mine\r\n", "frames.csv": "index\n"})


def film(count=6, diffuse=(0, 3, 5)):
    frames = [Frame(i, i, diffuse=i in diffuse, tween=1.0 if i in diffuse else 0.5) for i in range(count)]
    return [*frames]


def test_a_new_run_holds_the_given_files_unchanged(run):
    assert (run.folder / "settings.yaml").read_bytes() == b"# mine\r\n"
    assert json.loads((run.folder / "journal.jsonl").read_text()) == {"first": 0, "stop": 6}


def test_a_saved_frame_is_its_picture_with_its_texts_and_a_journal_line(run, textured):
    run.save(Frame(3, 1), textured, {"parameters": "a chair\nSteps: 4", "animator": '{"ü": 1}'})
    file = run.folder / "frames" / "000000003.png"
    assert (run.image(3) == textured).all()
    with Pillow.open(file) as image:
        assert image.text == {"parameters": "a chair\nSteps: 4", "animator": '{"ü": 1}'}
    last = json.loads((run.folder / "journal.jsonl").read_text().splitlines()[-1])
    assert last == {"frame": 3, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert Run.open(run.folder).saved == run.saved == {3: last["sha256"]}


def test_the_same_picture_is_the_same_bytes(run, textured):
    for index in (1, 2):
        run.save(Frame(index, 1), textured, {"parameters": "x"})
    assert run.image_file(1).read_bytes() == run.image_file(2).read_bytes()


def test_a_frame_that_is_missing_truncated_or_changed_does_not_count_as_saved(run, textured):
    for index in range(4):
        run.save(Frame(index, 1), textured, {})
    run.image_file(0).unlink()
    run.image_file(1).write_bytes(run.image_file(1).read_bytes()[:-10])
    Pillow.fromarray(textured[::-1].copy()).save(run.image_file(2))
    (run.folder / "frames" / "000000009.png").write_bytes(b"foreign")
    assert list(Run.open(run.folder).saved) == [3]


def test_a_truncated_journal_line_is_ignored_and_the_journal_stays_usable(run, textured):
    run.save(Frame(0, 1), textured, {})
    with (run.folder / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"frame": 1, "sha')
    again = Run.open(run.folder)
    assert list(again.saved) == [0]
    with again.locked():
        again.save(Frame(1, 1), textured, {})
    assert sorted(Run.open(run.folder).saved) == [0, 1]


def test_opening_a_run_writes_nothing_into_it(run, textured):
    run.save(Frame(0, 1), textured, {})
    with (run.folder / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"frame": 1, "sha')  # another process is writing this line
    before = (run.folder / "journal.jsonl").read_bytes()
    Run.open(run.folder)
    assert (run.folder / "journal.jsonl").read_bytes() == before


def test_a_run_is_locked_by_one_process_which_rereads_the_journal(run, textured):
    other = Run.open(run.folder)
    with run.locked():
        run.save(Frame(0, 1), textured, {})
        with pytest.raises(RunError, match="is being rendered by another process; wait for it, or stop it"):
            other.locked().__enter__()
    with other.locked():
        assert list(other.saved) == [0]


def test_a_run_whose_folder_was_taken_by_another_run_is_an_error(run):
    Run.create(run.folder, 0, 9, {})
    with pytest.raises(RunError, match="another render has begun here"), run.locked():
        pass


def test_frames_are_taken_over_from_another_run_with_their_journal_entries(run, textured, tmp_path):
    run.fingerprints = {2: "abc"}
    run.save(Frame(2, 1), textured, {"parameters": "x"}, (0.5, 0.25), {"drift": 1.5})
    new = Run.create(tmp_path / "new", 0, 6, {})
    new.link_from(run, [2])
    again = Run.open(new.folder)
    assert (again.saved, again.fingerprint(2), again.measurements("drift")) == (run.saved, "abc", {2: 1.5})
    run.save(Frame(2, 1), textured[::-1], {})  # a change in one run does not affect the other
    assert list(Run.open(new.folder).saved) == [2]


@pytest.mark.parametrize(
    "line", ["5", '{"hello": 1}', '{"frame": "x", "sha256": "y"}', "[1]", "null", "\xff"]
)
def test_a_foreign_line_in_the_journal_is_ignored(run, textured, line):
    run.save(Frame(0, 1), textured, {})
    with (run.folder / "journal.jsonl").open("a", encoding="latin-1") as journal:
        journal.write(line + "\n")
    run.save(Frame(1, 1), textured, {})
    assert sorted(Run.open(run.folder).saved) == [0, 1]


def test_a_run_whose_frames_are_missing_is_painted_again(run, textured):
    run.save(Frame(0, 1), textured, {})
    shutil.rmtree(run.folder / "frames")
    again = Run.open(run.folder)
    assert again.saved == {}
    with again.locked():
        again.save(Frame(0, 1), textured, {})
    assert list(Run.open(run.folder).saved) == [0]


def test_a_folder_with_frames_is_not_overwritten_by_a_new_run(run, textured):
    Run.create(run.folder, 0, 6, {})  # without frames nothing is lost
    run.save(Frame(0, 1), textured, {})
    with pytest.raises(RunError, match="already holds a run; continue it with: animator resume"):
        Run.create(run.folder, 0, 6, {})


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path)
    (tmp_path / "journal.jsonl").write_text("")
    with pytest.raises(RunError, match="no header"):
        Run.open(tmp_path)


def test_an_unwritable_folder_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        Run.create(tmp_path / "file" / "run", 0, 1, {})


@pytest.mark.parametrize(
    ("saved", "position", "painting"),
    [
        ([], 0, None),
        ([0], 1, 0),
        ([0, 1], 1, 0),
        ([0, 1, 2, 3], 4, 3),
        ([0, 1, 3, 4, 5], 1, 0),
        (range(6), 6, None),
    ],
)
def test_a_run_goes_on_after_the_last_painting_before_the_first_gap(run, textured, saved, position, painting):
    for index in saved:
        run.save(Frame(index, 1), np.roll(textured, index, 0), {})
    found, state = run.resume_point(film())
    assert found == position
    if painting is not None:
        assert (state.painting == np.roll(textured, painting, 0)).all()
        assert (state.reference == textured).all()
        assert state.view is None


def test_the_depth_span_of_a_painted_frame_survives_a_crash(run, textured):
    spans = {index: (0.1 + index / 3, 1 / 7) for index in range(4)}
    for index, span in spans.items():
        run.save(Frame(index, 1), textured, {}, span)
    position, state = Run.open(run.folder).resume_point(film())
    assert state.index == film()[position - 1].index
    assert state.span == spans[state.index]


def test_an_atomic_write_replaces_a_file_and_leaves_no_draft(tmp_path):
    write_atomic(tmp_path / "a", b"1")
    write_atomic(tmp_path / "a", b"2")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"2")]


def test_the_frame_table_is_csv_with_a_column_per_value():
    lines = frame_table_csv([frame_row(frame, False) for frame in slice_film(film(), 0, 2)]).splitlines()
    assert lines[0].startswith(
        "index,seed,prompt.text,prompt.negative,prompt.next,prompt.weight,prompt.blend,diffuse,tween,motion.zoom"
    )
    assert len(lines) == 3
    assert flatten({"a": {"b": {"c": 1}}, "d": {}}) == {"a.b.c": 1}


def test_infotext_has_the_format_of_a1111():
    frame = Frame(4, 77, Prompt("a chair, red", "blurry"), painting=Painting(0.45, 6, 20, "DPM++ 2M Karras"))
    assert a1111_parameters(frame, 98, 66, "my, model") == (
        "a chair, red\nNegative prompt: blurry\n"
        "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 6, Seed: 77, Size: 98x66, "
        'Model: "my, model", Denoising strength: 0.45, Version: animator 0.1'
    )


def test_measurements_of_an_image_are_stored_in_its_journal_line(run, textured):
    run.save(Frame(0, 1), textured, {}, facts={"drift": 0.0})
    run.save(Frame(1, 1), textured, {})
    run.save(Frame(2, 1), textured, {}, facts={"drift": 1.25, "palette": 7})
    again = Run.open(run.folder)
    assert again.measurements("drift") == {0: 0.0, 2: 1.25}
    assert again.measurements("palette") == {2: 7.0}


def test_a_run_goes_on_with_the_colours_of_the_last_anchor(run, textured):
    for index in range(5):
        run.save(Frame(index, 1), np.roll(textured, index, 0), {})
    frames = [replace(frame, anchor=frame.index in (3, 5)) for frame in film()]
    assert (run.resume_point(frames)[1].reference == np.roll(textured, 3, 0)).all()


def test_the_seam_is_the_last_change_over_a_usual_one(run):
    for index, grey in enumerate((10, 12, 14, 16, 18, 20)):  # steps of 2, and 10 back to the first
        run.save(Frame(index, 1), np.full((8, 8, 3), grey, np.uint8), {})
    assert run.seam() == pytest.approx(5)
