"""Atomic writes: a file is complete or as it was before, and no draft stays beside it."""

import zipfile

import pytest

from animator.runs.atomic import draft_file, write_atomic, write_zip


def test_a_written_file_replaces_the_older_one_and_leaves_no_draft(tmp_path):
    for data in (b"first", b"second"):
        write_atomic(tmp_path / "film.bin", data)
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("film.bin", data)]


def test_a_file_stays_as_it_was_when_its_writer_fails(tmp_path):
    write_atomic(tmp_path / "film.bin", b"first")
    with pytest.raises(KeyboardInterrupt), draft_file(tmp_path / "film.bin") as draft:
        draft.write_bytes(b"half of the sec")
        raise KeyboardInterrupt
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("film.bin", b"first")]


def test_an_archive_whose_frames_cannot_be_read_is_not_written(tmp_path):
    def frames():
        yield "0.png", b"..."
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_zip(tmp_path / "frames.zip", frames(), {})
    assert not list(tmp_path.iterdir())


def test_an_archive_has_the_same_bytes_whenever_it_is_written(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_zip(tmp_path / name, [("0.png", b"...")], {"film.yaml": "seed: 1"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == ["0.png", "film.yaml"]
