"""Films whose images stay on the device, tested with torch's CPU device: equal to films that use NumPy."""

import json
import logging

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from animator import ModelError, animate, load, loads, timeline
from animator.diffusion.gpu.backend import GpuPlace
from animator.diffusion.gpu.image import DeviceImage, to_device
from animator.models.painter import NO_HINTS, FunctionPainter, Painter, PainterWrapper
from animator.render import gpu_frames, pipeline
from animator.render.painter import FlatPainter
from animator.runs import render

HERE = torch.device("cpu")
FILM = """
video: {frames: 9, size: 96x80}
start: {image: start.png}
motion: {zoom: 1.03, angle: 2, translation_x: 0.7, border: reflect}
painting: {strength: 0.4, steps: 2, guidance_scale: 1, seed: 5}
grade: {color: lab, noise: 0.05, contrast: 1.04, sharpen: 0.2, palette: ["#0a84ff", "#f4f4f0"], palette_amount: 0.1}
cadence: 2
cuts: [5]
"""


class Counted(DeviceImage):
    """An image on the device that counts conversions to an array."""

    asked = 0

    def __array__(self, dtype=None, copy=None):
        Counted.asked += 1
        return super().__array__(dtype, copy)


class FlatThere(FlatPainter):
    """A painter without a model whose images stay on the device; it records its start images."""

    capabilities, device_name = frozenset({"device"}), "cpu"

    def __init__(self, image):
        super().__init__(image)
        self.given = []

    def paint_on_device(self, frame, start):
        self.given.append(start)
        image = self.paint(frame, None if start is None else start.pixels.numpy())
        return Counted(to_device(image, HERE).pixels)


class OnCpu(PainterWrapper):
    """Wrapper that makes a painter keep its images on the device, as on a GPU."""

    def __init__(self, inner):
        super().__init__(inner)
        self.device_name = "cpu"

    def paint(self, frame, start, *, mask=None, hints=NO_HINTS):
        raise AssertionError("it was to stay")


@pytest.fixture
def scene(tmp_path, textured):
    Pillow.fromarray(textured).save(tmp_path / "start.png")
    return lambda text=FILM, *settings: loads(text, tmp_path, [one.format(here=tmp_path) for one in settings])


def apart(one, other):
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["grade.color=hsv", "grade.color_by=histogram", "motion.border=wrap"],
        ["grade.color=rgb", "grade.color_reference=rolling", "grade.noise_type=perlin"],
        ["grade.color_reference={here}/start.png", "motion.rotation_3d_y=1", "motion.translation_z=2"],
    ],
)
def test_a_film_is_equal_on_the_device_and_the_loop_fetches_no_image(scene, textured, settings):
    film = scene(FILM, *settings)
    here = [state.shown for _, state in pipeline.iterate_film(film, painter=FlatPainter(textured))]
    painter, Counted.asked = FlatThere(textured), 0
    there = [state.shown for _, state in pipeline.iterate_film(film, painter=painter)]
    assert Counted.asked == 0
    assert all(isinstance(picture, Counted) for picture in there)
    starts = [start for start in painter.given if start is not None]
    assert [type(start) for start in starts] == [Counted] * 4
    assert all(apart(np.asarray(picture), image) < 1 for picture, image in zip(there, here, strict=True))
    assert Counted.asked == len(there)


class Nowhere(DeviceImage):
    """An image on torch's meta device, which has a shape and no values: reading it raises."""

    def prefetch(self):
        pass


class FlatNowhere(Painter):
    """A painter on the meta device, without values."""

    capabilities, device_name = frozenset({"device"}), "meta"

    def paint(self, frame, start, *, mask=None, hints=NO_HINTS):
        raise AssertionError("it was to stay")

    def paint_on_device(self, frame, start):
        return Nowhere(torch.empty((80, 96, 3), dtype=torch.uint8, device="meta"))


def test_nothing_in_the_loop_waits_for_a_number_from_the_device(scene):
    film = scene(FILM, "grade.color_reference=rolling")
    shown = [state.shown for _, state in pipeline.iterate_film(film, painter=FlatNowhere())]
    assert len(shown) == film.frames
    with pytest.raises(NotImplementedError, match="no data"):
        shown[-1].pixels.cpu()


def test_animate_yields_arrays_in_every_state(scene, textured):
    *_, (_, state) = animate(scene(), paint=FlatThere(textured))
    for image in (state.shown, state.painting, state.reference, state.first):
        assert isinstance(image, np.ndarray)
    assert state.painting is state.shown


def test_a_film_continues_from_arrays_with_equal_bytes(scene, textured):
    film = scene()
    whole = list(animate(film, paint=FlatThere(textured)))
    at = next(i for i, (frame, _) in enumerate(whole) if i > 1 and frame.diffuse)
    rest = list(animate(film, timeline(film)[at + 1 :], FlatThere(textured), whole[at][1]))
    assert len(rest) == len(whole) - at - 1
    for (_, one), (_, other) in zip(whole[at + 1 :], rest, strict=True):
        assert (one.shown == other.shown).all()


def test_known_painted_frames_are_used_unchanged(scene, textured):
    film, painter = scene(), FlatThere(textured)
    whole = {frame.index: state.shown for frame, state in animate(film, paint=painter)}
    painted = [frame.index for frame in timeline(film) if frame.diffuse]
    known, painter.given = {index: whole[index] for index in painted[:3]}, []
    again = {frame.index: state.shown for frame, state in animate(film, paint=painter, known=known)}
    assert len(painter.given) == len(painted) - 3
    assert all((whole[index] == again[index]).all() for index in whole)


def bytes_of(run):
    files = sorted(run.folder.glob("frames/*.png"))
    lines = (run.folder / "journal.jsonl").read_text().splitlines()[1:]
    return [file.read_bytes() for file in files], sorted(json.dumps(json.loads(line)) for line in lines)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_nano_paints_the_same_film_and_resumes_it_with_the_same_bytes(tmp_path, device):
    (tmp_path / "film.yaml").write_text(
        f"model: {{base: nano, device: {device}}}\n"
        "video: {frames: 6, size: 64x64}\nprompts: {at: photo of a red mug}\n"
        "motion: {zoom: 1.02, angle: 1}\ngrade: {color: lab, noise: 0.04, sharpen: 0.1}\ncadence: 2\n"
        "painting: {steps: 3, strength: 0.5, guidance_scale: 1}\noutput: {interpolate: 2}\n"
    )
    scene = load(tmp_path / "film.yaml")
    nano = pipeline.load_painter(scene)
    stays = nano if nano.device_name else OnCpu(nano)
    whole, part, plain = (
        render.start_run(scene, tmp_path / "film.yaml", tmp_path / name)
        for name in ("whole", "part", "plain")
    )
    list(render.render_run(plain, scene, lambda _: FunctionPainter(nano.paint)))
    list(render.render_run(whole, scene, lambda _: stays))
    for index in range(6):
        assert apart(whole.image(index), plain.image(index)) < 3
    assert abs(whole.measurement(4, "drift") - plain.measurement(4, "drift")) < 0.5
    film = render.render_run(part, scene, lambda _: stays)
    for frame in film:
        if frame.index == 3:
            film.close()
    run, again = render.reopen_run(part.folder)
    assert len(run.saved) < 6
    list(render.render_run(run, again, lambda _: stays))
    assert bytes_of(run) == bytes_of(whole)
    assert run.video.read_bytes() == whole.video.read_bytes()


def test_a_frame_of_nan_ends_the_film_and_no_dependent_frame_is_saved(scene, tmp_path, textured):
    class Broken(FlatThere):
        def paint_on_device(self, frame, start):
            image = super().paint_on_device(frame, start)
            if frame.index == 2:
                return DeviceImage(image.pixels, torch.tensor([2], dtype=torch.int32))
            return DeviceImage(image.pixels, None if start is None else start.nan_frame)

    film = scene(FILM, "cuts=[8]", "cadence=1", "grade.color=none")
    run = render.start_run(film, None, tmp_path / "run")
    with pytest.raises(ModelError, match="frame 2: the model produced NaN instead of an image"):
        list(render.render_run(run, film, lambda _: Broken(textured)))
    assert set(run.saved) == {0, 1}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("motion: {depth: proxy}", "motion.depth"),
        ("masks: {a: {polygon: [[0, 0], [1, 0], [1, 1]]}}\nlock: {mask: a}", "masks"),
        ("masks: {a: {polygon: [[0, 0], [1, 0], [1, 1]]}}\ndetail: {mask: a}", "masks"),
        ("tween: flow\ncadence: 2", "tween: flow"),
        ("tween: flow", ""),
        ("video: {frames: 9, loop: closed}", "video.loop: closed"),
        ("video: {frames: 9, loop: boomerang}", ""),
        ("output: {upscale: {by: lanczos, factor: 2}}", "output.upscale"),
        ("views: {4: start.png}", "views"),
        ("model: {refiner: {base: some/refiner}}", "model.refiner"),
        ("control: {lines: {model: some/control, hint: canny}}", "control"),
        ("output: {interpolate: 2}", ""),
        ("grade: {color: hsv, palette: ['#08f'], noise: 0.1}", ""),
    ],
)
def test_a_setting_that_needs_the_cpu_keeps_the_whole_film_there(scene, textured, caplog, more, why):
    film, painter = scene(more), FlatThere(textured)
    assert gpu_frames.cpu_only_reason(film) == why
    there = gpu_frames.choose_place(film, timeline(film), painter)
    assert isinstance(there, gpu_frames.CpuPlace if why else GpuPlace)
    assert isinstance(
        gpu_frames.choose_place(film, timeline(film), FlatPainter(textured)), gpu_frames.CpuPlace
    )
    caplog.set_level(logging.INFO)
    gpu_frames.log_placement(film, painter)
    said = f"frames are warped and graded on the CPU, because of {why}" if why else "frames stay on cpu"
    assert caplog.messages == [said]
