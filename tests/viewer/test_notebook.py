"""The notebook, executed in a real kernel, and its parts without one."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image as Pillow

import animator
from animator import RunError
from animator.render import painter
from animator.runs import render
from animator.viewer import notebook
from tests.runs.test_video import decode
from tests.viewer.test_html import Tags, jpegs

ROOT = Path(__file__).parents[2]
SMALL = ["video.size=64x64", "painting.steps=3", "cadence=10"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Run the notebook in a kernel with a very small film; return the outputs of each cell, by its code."""
    room = tmp_path_factory.mktemp("room")
    notebook = nbformat.read(ROOT / "notebooks" / "preview.ipynb", 4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "is kept without outputs"
    (given,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    given.source = f"settings = {SMALL}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(room)}}).execute()
    nbformat.write(notebook, room / "executed.ipynb")
    return room, {cell.source: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def html(executed, code):
    """Return the HTML outputs of the cell that contains `code`, in order."""
    (outputs,) = [
        outputs for source, outputs in executed[1].items() if code in source and ".widget" not in source
    ]
    return [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("\nscene", 7),
        ("notebook.render(scene)", 1),
        ("notebook.scrub(run)", 31),  # the first image of a slider is in the page a second time
        ("notebook.sheet(run", 10),
        ("notebook.compare", 50),
    ],
)
def test_every_view_of_the_notebook_shows_images(executed, code, count):
    shown = html(executed, code)[-1]
    Tags(shown)
    found = jpegs(shown)
    assert len(found) == count
    assert all(image.std() > 2 for image in found)


def test_the_notebook_ends_with_films_that_play(executed):
    for code in ("notebook.preview", "notebook.play"):
        (shown,) = [text for text in html(executed, code) if "video/mp4" in text]
        (video,) = re.findall(r"data:video/mp4;base64,([\w+/=]+)", shown)
        file = executed[0] / "video.mp4"
        file.write_bytes(base64.b64decode(video))
        side = 64 if code == "notebook.play" else 448
        assert len(decode(file, side, side)) == 30


def test_progress_ends_with_all_frames_and_is_shown_in_one_place(executed):
    (progress,) = html(executed, "run = notebook.render")
    assert "30 of 30 frames · 4 painted, 26 in-between" in progress
    (watched,) = html(executed, "notebook.watch")
    assert "30 of 30 frames" in watched


def test_the_widget_shows_frames_at_full_size(executed):
    (outputs,) = [outputs for source, outputs in executed[1].items() if ".widget()" in source]
    assert "application/vnd.jupyter.widget-view+json" in outputs[0].data


def test_an_executed_notebook_is_small(executed):
    assert (executed[0] / "executed.ipynb").stat().st_size < 1_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run painted without a model, whose second half has another colour."""
    folder = tmp_path_factory.mktemp("run")
    scene = animator.loads(
        "video: {size: 96x64, frames: 6, fps: 6}\nprompts: {at: {0: a, 3: b}}\nmotion: {angle: 5}"
    )
    made = render.start_run(scene, None, folder / "film")
    for _ in render.render_run(made, scene, lambda _: painter.FlatPainter(painter.draw_test_card(96, 64))):
        pass
    return made


def test_a_slider_goes_through_all_frames_of_a_run(run, tmp_path):
    from animator.viewer import notebook

    view = notebook.scrub(str(run.folder))
    images = jpegs(view.body)[1:]
    assert len(images) == 6
    for index, image in enumerate(images):
        assert np.abs(image.astype(int) - run.image(index)).mean() < 12
    assert "a · strength 0.45" in view.texts[0] and "b · " in view.texts[4]
    page = view.save(tmp_path / "scrub.html").read_text(encoding="utf8")
    assert page.startswith("<!doctype html>") and len(jpegs(page)) == 7
    with pytest.raises(RunError, match="cannot be written"):
        view.save(tmp_path / "nowhere" / "scrub.html")


def test_the_widget_follows_its_slider(run):
    from animator.viewer import notebook

    box = notebook.scrub(run).widget()
    image, (_, slider), words = box.children[0], box.children[1].children, box.children[2]
    for index in (0, 4):
        slider.value = index
        with Pillow.open(io.BytesIO(image.value)) as shown:
            assert np.abs(np.asarray(shown, int) - run.image(index)).mean() < 6
        assert f"<b>{index}</b>" in words.value


def test_runs_without_frames_or_without_common_frames_are_errors(run, tmp_path):
    from animator.viewer import notebook

    scene = animator.loads("video: {size: 64x64, frames: 6}")
    empty = render.start_run(scene, None, tmp_path / "empty")
    for view in (notebook.scrub, notebook.sheet):
        with pytest.raises(RunError, match="has no frames yet"):
            view(empty)
    with pytest.raises(RunError, match="has no video yet; go on with: animator resume"):
        notebook.play(empty)
    other = render.start_run(
        animator.loads("video: {size: 96x64, frames: 9}"), None, tmp_path / "other", (7, 9)
    )
    for _ in render.render_run(
        other,
        animator.loads("video: {size: 96x64, frames: 9}"),
        lambda _: painter.FlatPainter(painter.draw_test_card(96, 64)),
    ):
        pass
    with pytest.raises(RunError, match="have no frame in common"):
        notebook.compare(run, other)


def test_videos_are_made_smaller_until_they_fit(run, tmp_path):
    scene = render.reopen_run(run.folder)[1]
    assert notebook.shrink_video(run, scene) == run.video.read_bytes()
    size = run.video.stat().st_size
    (tmp_path / "small.mp4").write_bytes(notebook.shrink_video(run, scene, max_bytes=size - 1))
    assert (tmp_path / "small.mp4").stat().st_size < size
    least = notebook.preview_video(scene, max_bytes=10)
    (tmp_path / "least.mp4").write_bytes(least)
    assert len(decode(tmp_path / "least.mp4", 128, 86)) == 6


def test_the_package_imports_without_the_notebook_extra():
    code = """
import sys, animator
animator.timeline(animator.loads("motion: {zoom: 1.01}"))
import animator.cli, animator.viewer.preview, animator.runs.render, animator.viewer.html
assert not {"IPython", "ipywidgets", "ipykernel"} & set(sys.modules)
import animator.viewer.notebook
assert not {"IPython", "ipywidgets", "ipykernel", "torch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_names_every_view_and_no_other():
    from animator.viewer import notebook

    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf8")
    named = set(re.findall(r"notebook\.(\w+)\(", page))
    assert named == {*notebook.__all__} - {"HtmlView"}
