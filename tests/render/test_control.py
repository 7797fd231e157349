"""Films with ControlNets: the source of their hints, frame by frame, and resuming a stopped film."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image as Pillow

from animator import State, animate, load
from animator.imaging.cameras import Camera2D
from animator.imaging.filters import canny_hint, depth_hint
from animator.models.painter import NO_HINTS
from animator.render.painter import FlatPainter
from animator.runs import render
from animator.viewer import preview
from tests import control, films


class Seen(FlatPainter):
    """A painter that records its hints and start images, and paints the seed's colour over them."""

    capabilities = frozenset({"hints"})

    def __init__(self, first):
        super().__init__(first)
        self.hints, self.starts = [], []

    def paint(self, frame, start, *, mask=None, hints=NO_HINTS):
        self.hints.append(hints)
        self.starts.append(start)
        return super().paint(frame, start, mask=mask)


@pytest.fixture
def shown(film, tmp_path, textured):
    """Return a function that renders a film with this `control:`; it returns hints and start images by frame."""

    def seen(control, more="", paint=None):
        Pillow.fromarray(textured).save(tmp_path / "a.png")
        text = f"video: {{size: 96x80, frames: 4}}\ncontrol: {{a: {{model: some/net, {control}}}}}\n{more}"
        paint = paint or Seen(textured)
        list(animate(film(text), paint=paint))
        return [hints.get("a") for hints in paint.hints], paint.starts

    return seen


def test_a_hint_is_computed_from_the_image_that_is_painted_over(shown):
    hints, starts = shown("hint: canny, thresholds: [60, 120]", "motion: {zoom: 1.05}")
    assert hints[0] is None  # the first frame of a film without a start image
    assert all(
        (hint == canny_hint(start, 60, 120)).all() for hint, start in zip(hints[1:], starts[1:], strict=True)
    )
    assert all((a != b).any() for a, b in pairwise(hints[1:]))


def test_a_film_with_a_start_image_has_hints_from_its_first_frame(film, tmp_path, textured, checkpoint):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    folder = control.write(tmp_path / "net", checkpoint, 0.1)
    text = "video: {{size: 96x80, frames: 1}}\nstart: {{image: a.png}}\npainting: {{steps: 2, strength: 0.8}}\ncontrol: {{a: {{model: net, scale: {0}}}}}"
    images = [next(animate(film(text.format(scale))))[1].shown for scale in (0, 1)]
    assert folder.is_dir()
    assert (images[0] != images[1]).any()


def test_no_hint_is_computed_at_scale_0(shown):
    hints, _ = shown("scale: {0: 1, 1: 1, 2: {value: 0, ease: step}}")
    assert [hint is None for hint in hints] == [True, False, True, True]


def test_a_hint_image_follows_the_camera_or_stays(shown, textured):
    more = "motion: {translation_x: 3}"
    stays, _ = shown("file: a.png, follow: false", more)
    follows, _ = shown("file: a.png", more)
    assert all((hint == textured).all() for hint in stays)
    camera, view = Camera2D(96, 80), np.eye(3)
    step = np.array([[1.0, 0, 3], [0, 1, 0], [0, 0, 1]])
    for hint in follows:
        assert (hint == camera.warp_like(textured, State(), view)).all()
        view = step @ view


def test_a_hint_video_plays_in_time_with_the_film(shown, tmp_path):
    films.write(tmp_path / "a.mp4", films.greys(4, 96, 80), 24.0)
    hints, _ = shown("video: a.mp4", "cadence: 2")
    assert [int(hint[0, 0, 0]) for hint in hints] == [10, 14, 16]


def test_the_depth_hint_is_the_depth_of_the_scene(shown, textured):
    paint = Seen(textured)
    hints, starts = shown("hint: depth", "motion: {depth: proxy, orbit_y: 1}", paint)
    scene_hint = hints[2]
    assert scene_hint.min() == 0
    assert scene_hint.max() == 255
    from animator import loads
    from animator.imaging.depth import ProxyDepth

    lens = loads("video: {size: 96x80}").lens
    assert (scene_hint == depth_hint(ProxyDepth(lens, 0.5).disparity(starts[2], 2, None))).all()


def test_a_custom_painter_without_hints_paints_without_them(film, textured):
    scene = film("video: {size: 96x80, frames: 2}\ncontrol: {a: {model: some/net, hint: depth}}")
    assert len(list(animate(scene, paint=FlatPainter(textured)))) == 2
    assert len(list(preview.preview(scene))) == 2


def test_a_stopped_film_with_a_controlnet_resumes_with_equal_frames(tmp_path, textured, checkpoint):
    Pillow.fromarray(textured).save(tmp_path / "a.png")
    control.write(tmp_path / "net", checkpoint, 0.1)
    films.write(tmp_path / "a.mp4", [textured, textured[::-1], textured], 24.0)
    (tmp_path / "film.yaml").write_text(
        f"video: {{frames: 5, size: 96x80}}\nmodel: {{base: {checkpoint}}}\nmotion: {{zoom: 1.05}}\ncadence: 2\n"
        "painting: {steps: 2}\ncontrol: {a: {model: net, hint: canny, file: a.png, scale: 0.2*t},"
        " b: {model: net, video: a.mp4}, c: {model: net}}\n"
    )
    scene = load(tmp_path / "film.yaml")
    whole, torn = (
        render.start_run(scene, tmp_path / "film.yaml", tmp_path / name) for name in ("whole", "torn")
    )
    list(render.render_run(whole, scene))
    film = render.render_run(torn, scene)
    for _ in range(3):
        next(film)
    film.close()
    list(render.render_run(*render.reopen_run(torn.folder)))
    names = ("frames", "video.mp4")
    files = [sorted([*(run.folder / names[0]).iterdir(), run.video]) for run in (whole, torn)]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert len(files[0]) == 6
    assert "control.a.scale" in (whole.folder / "frames.csv").read_text().splitlines()[0]
