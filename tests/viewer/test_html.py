"""Pages: embedded content, size, and the escaping of untrusted text."""

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from animator import loads, timeline
from animator.runs import metadata
from animator.viewer import charts, html, notebook
from animator.viewer.html import encode_jpeg, fragment, full_page, make_thumbnails, script_json, write_page
from tests.runs.test_video import decode

FILM = """
video: {size: 64x48, frames: 12, fps: 12}
prompts: {at: {0: pencil sketch, 6: photo}, travel: 3}
motion: {zoom: 1 + 0.01*sin(t)}
painting: {strength: 0.4, steps: 10, seed: 7}
cadence: 3
"""
EVIL = '</script><img src=x onerror=alert(1)> & "quoted" $id'


class Tags(HTMLParser):
    """Parser that collects the tags of a page, and those left open."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self, text):
        super().__init__()
        self.names, self.open, self.sources = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def jpegs(text):
    """Return every JPEG embedded in a page."""
    found = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", text)
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR_RGB) for one in found
    ]


def noise(index):
    return np.random.default_rng(index).integers(0, 256, (480, 640, 3), np.uint8)


NOISE = [noise(index % 4) for index in range(40)]


def test_a_page_contains_the_video_and_the_settings_of_each_frame(tmp_path):
    scene = loads(FILM)
    frames = list(write_page(scene, "film", tmp_path / "a" / "film.html", 128))
    assert [frame.index for frame in frames] == list(range(12))
    page = (tmp_path / "a" / "film.html").read_text(encoding="utf8")
    tags = Tags(page)
    assert all(source.startswith("data:") for source in tags.sources)
    (video,) = re.findall(r"data:video/mp4;base64,([\w+/=]+)", page)
    (tmp_path / "out.mp4").write_bytes(base64.b64decode(video))
    assert len(decode(tmp_path / "out.mp4", 128, 96)) == 12
    film = json.loads(re.search(r"const film = (\{.*?\}), root", page)[1])
    assert (film["fps"], film["count"], film["texts"]) == (12.0, 12, ["pencil sketch", "photo"])
    assert [row["steps"] for row in film["rows"]] == [
        row["steps_run"] for row in metadata.frame_table(scene, timeline(scene))
    ]
    assert film["rows"][3]["numbers"].endswith(" · seed 8 · 14 of 26 calls")
    assert film["curves"]["motion.zoom"] == pytest.approx(
        [frame.motion.zoom for frame in timeline(scene)], rel=1e-5
    )
    assert "12 frames, 5 painted, 1 s at 12 frames per second, 64x48, nano" in page
    assert "default-src 'none'" in page


def test_text_of_a_schedule_is_escaped(tmp_path):
    scene = loads(FILM.replace("photo", json.dumps(EVIL)))
    list(write_page(scene, EVIL, tmp_path / "a.html", 64))
    page = (tmp_path / "a.html").read_text(encoding="utf8")
    assert Tags(page).names.count("img") == 0
    assert EVIL in json.loads(re.search(r"const film = (\{.*?\}), root", page)[1])["texts"]
    assert EVIL not in page
    assert Tags(fragment(html.slider_html([html.Thumbnail(0, b"x")], {0: EVIL}))).names.count("img") == 1
    assert json.loads(script_json({"a": EVIL})) == {"a": EVIL}
    assert "<" not in script_json(EVIL)
    assert Tags(full_page(EVIL, "")).names.count("img") == 0


def test_a_curve_is_drawn_at_its_values():
    text = charts.curves_svg(timeline(loads(FILM)))
    Tags(text)
    (points,) = re.findall(r'points="([^"]+)"', text)
    found = np.array([pair.split(",") for pair in points.split()], float)
    zoom = np.array([frame.motion.zoom for frame in timeline(loads(FILM))])
    assert found[:, 0] == pytest.approx((np.arange(12) + 0.5) * 1000 / 12, abs=0.05)
    assert np.corrcoef(found[:, 1], zoom)[0, 1] == pytest.approx(-1, abs=1e-3)  # up is more
    assert text.count('class="tick"') == 5
    assert [float(width) for width in re.findall(r"width:([\d.]+)%", text)] == [50, 50]


def test_the_page_of_a_long_film_stays_small():
    text = charts.curves_svg(timeline(loads(FILM, settings=["video.frames=5000"])))
    assert len(text) < 60_000


def test_thumbnails_stay_within_their_size_limit_for_any_content():
    for most in (300_000, 9_000):
        found = make_thumbnails(range(40), NOISE.__getitem__, max_characters=most)
        assert 0 < sum(len(one.url) for one in found) <= most
        assert found[0].index == 0 and [one.index for one in found] == sorted({one.index for one in found})
    plain = make_thumbnails(range(200), lambda index: np.full((480, 640, 3), index, np.uint8))
    assert len(plain) == html.MAX_THUMBNAILS and (plain[0].index, plain[-1].index) == (0, 199)
    shown = jpegs(plain[-1].url)[0]
    assert shown.shape == (240, 320, 3) and np.abs(shown.astype(int) - 199).max() <= 2


def test_a_thumbnail_is_not_enlarged_and_keeps_its_colours():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:] = (200, 60, 30)
    shown = jpegs(html.Thumbnail(0, encode_jpeg(image, 320)).url)[0]
    assert shown.shape == (20, 30, 3) and np.abs(shown.astype(int) - image).max() <= 6


def test_a_scene_shows_where_its_prompts_begin(tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    scene = loads(f"{FILM}start: {{image: a.png}}", tmp_path)
    text = notebook.scene_card(scene)
    Tags(text)
    assert re.findall(r"<figcaption>(\d+)", text) == ["0", "2", "4", "6", "8", "10", "11"]
    first, *_ = jpegs(text)
    assert np.abs(first.astype(int).mean((0, 1)) - textured.mean((0, 1))).max() < 8
    assert len(text) < 200_000
    assert "<img" not in notebook.scene_card(loads(FILM, settings=["video.frames=3000"]))


def test_two_films_are_compared_frame_by_frame():
    one, other = (
        [html.Thumbnail(i, encode_jpeg(np.full((32, 32, 3), i + up, np.uint8), 32)) for i in (0, 4)]
        for up in (10, 90)
    )
    text = html.compare_html(one, other, ("a", "b"))
    Tags(text)
    pairs = json.loads(re.search(r"const shown = (\[.*?\]), root", text)[1])
    assert [pair["frame"] for pair in pairs] == [0, 4]
    greys = [[jpegs(pair[side])[0].mean() for side in ("above", "below")] for pair in pairs]
    assert np.array(greys) == pytest.approx(np.array([[10, 90], [14, 94]]), abs=1.5)


def test_progress_is_shown_with_the_latest_frame():
    assert "loading" in html.progress_html(0, 10, 0, 0.0, None)
    text = html.progress_html(4, 10, 2, 1.5, encode_jpeg(noise(1), 64))
    Tags(text)
    assert "4 of 10 frames · 2 painted, 2 in-between · 1.50 s per frame · about 9 seconds left" in text
    assert "width:40.0%" in text and len(jpegs(text)) == 1
    assert (
        "left" not in html.progress_html(10, 10, 5, 1.0, b"")
        and "of" not in html.progress_html(3, 0, 1, 1.0, b"")[:80]
    )
