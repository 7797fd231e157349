"""The page on which a product turns: its views, its safety, its size, and what it tells assistive technology."""

import io
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from animator import load
from animator.models.painter import FunctionPainter
from animator.runs import render
from animator.runs.deliverables import deliver
from tests.films import texture

TEXT = """\
video: {size: 96x64, fps: 12, frames: 40, loop: closed}
prompts: {at: '</title><script>alert(1)</script> a (red:1.2) "mug"'}
motion: {orbit_y: {total: 360}}
output: {also: [spin]}
"""


class Page(HTMLParser):
    """Tags with their attributes, the text of each tag, and the images of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        self.texts.setdefault(self._open, []).append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def slider(self):
        return next(attrs for _, attrs in self.tags if attrs.get("role") == "slider")

    @property
    def images(self):
        data = [b64decode(image["src"].removeprefix("data:image/webp;base64,")) for image in self.all("img")]
        return [np.asarray(Pillow.open(io.BytesIO(view)).convert("RGB")).astype(int) for view in data]


def picture(index, size=(96, 64)):
    """Return a grey image with a gradient, and a bar whose place tells the frame."""
    image = np.linspace(60, 200, size[1])[:, None, None] * np.ones((1, size[0], 3))
    cv2.rectangle(image, (10 + index, 20), (14 + index, 40), (200, 30, 30), -1)
    return image.astype(np.uint8)


def paint(folder, text=TEXT, image=picture):
    (folder / "film.yaml").write_text(text)
    scene = load(folder / "film.yaml")
    run = render.start_run(scene, folder / "film.yaml", folder / "run", None)
    for _ in render.render_run(run, scene, lambda _: FunctionPainter(lambda frame, _: image(frame.index))):
        pass
    return run, scene


def page(run, scene, word="spin"):
    [made] = deliver(run, scene, [word])
    assert not made.failed, made.description
    return Page(made.file.read_text(encoding="utf8")), made


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("film"))


def test_the_page_is_made_after_the_film_and_shows_its_frames(film):
    run, scene = film
    [made] = deliver(run, scene)  # the film itself is there already
    assert made.file == run.folder / "spin.html" and made.description.startswith("40 views of 96x64, ")
    found = Page(made.file.read_text(encoding="utf8"))
    for at, view in enumerate(found.images):
        assert np.abs(view - picture(at)).mean() < 4
    hidden = ["hidden" in image for image in found.all("img")]
    assert hidden == [False, *[True] * 39]  # the first one is seen until all are decoded


def test_a_hostile_title_is_text(film):
    found, _ = page(*film)
    title = '</title><script>alert(1)</script> a red "mug"'
    assert "".join(found.texts["title"]) == title
    assert found.slider["aria-label"] == title and found.all("img")[0]["alt"] == title
    assert len(found.all("script")) == 1


def test_the_page_may_run_its_own_script_and_show_its_own_images_only(film):
    found, made = page(*film)
    policy = next(meta["content"] for meta in found.all("meta") if "http-equiv" in meta)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    text = made.file.read_text(encoding="utf8")
    for tag in ("script", "style"):
        inside = text.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        assert rules[f"{tag}-src"] == f"'sha256-{b64encode(sha256(inside.encode()).digest()).decode()}'"
    assert "http:" not in text and "https:" not in text
    assert not any(
        "style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs in found.tags
    )


def test_the_page_is_a_slider_for_fingers_keys_and_screen_readers(film):
    found, made = page(*film)
    slider = found.slider
    assert slider["tabindex"] == "0" and slider["aria-valuetext"] == "0 degrees"
    assert (slider["aria-valuemin"], slider["aria-valuenow"], slider["aria-valuemax"]) == ("0", "0", "39")
    # An orbit to the right turns the front left, so dragging to the right goes back.
    assert (slider["data-full"], slider["data-forward"]) == ("yes", "-1")
    text = made.file.read_text(encoding="utf8")
    for part in (
        "touch-action: pan-y",
        ":focus-visible",
        "prefers-reduced-motion",
        "ArrowRight",
        "Home",
        "End",
    ):
        assert part in text


def test_the_page_continues_the_edge_of_the_picture(film):
    found, _ = page(*film)
    style = "".join(found.texts["style"])
    assert "linear-gradient(#3c3c3c calc(50% + var(--high) * -0.5)" in style
    assert "#c8c8c8 calc(50% + var(--high) * 0.5)" in style
    theme = next(meta["content"] for meta in found.all("meta") if meta.get("name") == "theme-color")
    assert theme == "#3c3c3c"


def test_views_are_made_smaller_until_the_page_fits(tmp_path):
    text = TEXT.replace("96x64", "192x128").replace("[spin]", "[spin], max_size: 300kB")
    noise = texture(192, 128, margin=40)
    run, scene = paint(tmp_path, text, lambda index: noise[40:168, index : index + 192])
    found, made = page(run, scene)
    assert 150_000 < made.file.stat().st_size < 300_000
    assert "at most 300 kB; the film has 192x128" in made.description
    assert len(found.images) == 40 and found.images[0].shape[1] < 192
    [made] = deliver(run, load_with(tmp_path, text.replace("300kB", "20kB")), ["spin"])
    assert made.failed and "40 views take more than 20 kB; raise output.max_size" in made.description


def load_with(folder, text):
    (folder / "film.yaml").write_text(text)
    return load(folder / "film.yaml")


def test_a_film_that_turns_a_little_ends_on_both_sides(tmp_path):
    text = (
        TEXT.replace(", loop: closed", "").replace("360", "40").replace("[spin]", "[spin@1x1], frame: [1x1]")
    )
    run, scene = paint(tmp_path, text)
    found, made = page(run, scene, "spin@1x1")
    assert made.file.name == "spin-1x1.html" and "40 views of 64x64" in made.description
    slider = found.slider
    # Dragging to the right goes back from the first view, so that is the last place on the right.
    assert (slider["data-full"], slider["aria-valuenow"], slider["aria-valuetext"]) == (
        "no",
        "39",
        "view 40 of 40",
    )


def test_a_film_of_one_frame_is_refused_in_one_line(tmp_path):
    run, scene = paint(tmp_path, "video: {frames: 1, size: 96x64}\n")
    [made] = deliver(run, scene, ["spin"])
    assert made.failed and made.description.startswith("a spin page needs at least two frames")
