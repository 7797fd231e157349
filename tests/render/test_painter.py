"""Painters and their wrappers: forwarding, capabilities, and the edge where plain functions become painters."""

import inspect

import numpy as np
import pytest

from animator import Frame, animate, loads
from animator.models.painter import NO_HINTS, FunctionPainter, Painter, PainterWrapper, as_painter
from animator.render.control import ControlledPainter
from animator.render.detail import DetailPainter
from animator.render.loop import ShotParts, SkipFrames
from animator.render.masks import MaskedPainter
from animator.render.painter import FlatPainter, HiresFix, SkipPainting, StartFrom, skip_saved
from animator.scene.fields import Pixels
from tests import films

FRAME, MASK = Frame(0, 1), np.full((4, 4), 9, np.uint8)
METHODS = [name for name, _ in inspect.getmembers(Painter, inspect.isfunction) if not name.startswith("_")]
CALLS = {
    "paint": ((FRAME, None), {"mask": MASK, "hints": {"a": MASK}}),
    "paint_batch": (([(FRAME, None)],), {}),
    "paint_on_device": ((FRAME, None), {}),
    "with_size": ((8, 16), {}),
    "keep_paintings": (({},), {}),
}


class Able(Painter):
    """A painter that records the calls of all its methods, and returns their names."""

    capabilities, device_name = frozenset({"mask", "hints", "batch", "device"}), "meta"

    def __init__(self):
        self.calls = []

    def _called(self, name, *args, **more):
        self.calls.append((name, args, more))
        return name

    def paint(self, *args, **more):
        return self._called("paint", *args, **more)

    def paint_batch(self, *args):
        return self._called("paint_batch", *args)

    def paint_on_device(self, *args):
        return self._called("paint_on_device", *args)

    def with_size(self, *args):
        self._called("with_size", *args)
        return self

    def keep_paintings(self, store):
        self._called("keep_paintings", store)


class Bare(Painter):
    """A painter with the one required method alone."""

    def paint(self, frame, start, *, mask=None, hints=NO_HINTS):
        self._refuse(mask, hints)
        return np.full((80, 96, 3), frame.index, np.uint8) if start is None else start


def test_a_painter_needs_one_method_only():
    assert Painter.__abstractmethods__ == {"paint"}
    assert set(METHODS) == set(CALLS)


@pytest.mark.parametrize("name", METHODS)
def test_a_wrapper_forwards_every_method_that_it_does_not_override(name):
    inner, (args, more) = Able(), CALLS[name]
    found = getattr(PainterWrapper(inner), name)(*args, **more)
    assert inner.calls == [(name, args, more)]
    assert found.inner is inner if name == "with_size" else found in (name, None)


@pytest.mark.parametrize(
    "wrap",
    [
        PainterWrapper,
        lambda inner: StartFrom(inner, lambda _: None),
        lambda inner: SkipPainting(inner, lambda *_: None),
        lambda inner: HiresFix(inner, Pixels(512, 512), 256),
        lambda inner: ControlledPainter(inner, {}, None),
        lambda inner: MaskedPainter(inner, None),
        lambda inner: DetailPainter(inner, inner, None, 1, None, 0.0),
    ],
)
def test_the_capabilities_of_a_wrapped_painter_are_kept(wrap):
    wrapped = wrap(wrap(Able()))
    assert (wrapped.capabilities, wrapped.device_name) == (Able.capabilities, "meta")


def test_a_start_image_replaces_noise_in_all_calls(textured):
    inner = Able()
    painter = StartFrom(inner, lambda _: textured)
    painter.paint(FRAME, None)
    painter.paint_batch([(FRAME, None)])
    painter.paint_on_device(FRAME, None)
    starts = [inner.calls[0][1][1], inner.calls[1][1][0][0][1], inner.calls[2][1][1]]
    assert all(start is textured for start in starts)


def test_a_painter_with_paint_alone_renders_a_film():
    shown = list(animate(loads("video: {frames: 3, size: 96x80}\ncadence: 2"), paint=Bare()))
    assert len(shown) == 3
    assert [image.max() for image in Bare().paint_batch([(FRAME, None), (Frame(4, 1), None)])] == [0, 4]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda painter: painter.paint_on_device(FRAME, None), "Bare cannot keep images on a device"),
        (lambda painter: painter.with_size(8, 8), "Bare cannot change its size to 8x8"),
        (lambda painter: painter.paint(FRAME, None, mask=MASK), "Bare cannot paint with mask"),
        (lambda painter: painter.paint(FRAME, None, hints={"a": MASK}), "Bare cannot paint with hints"),
    ],
)
def test_a_painter_says_clearly_what_it_cannot_do(call, message):
    with pytest.raises(NotImplementedError, match=message):
        call(Bare())


def test_a_function_becomes_a_painter_once():
    painter = as_painter(lambda frame, start: (frame, start))
    assert isinstance(painter, FunctionPainter)
    assert as_painter(painter) is painter
    assert painter.paint(FRAME, MASK) == (FRAME, MASK)


def test_saved_frames_are_neither_painted_nor_changed_by_stages(textured):
    brighter = lambda image, frame, state: image + 1  # noqa: E731
    parts = skip_saved(ShotParts(Bare(), [brighter], [brighter], [brighter]), {3: textured})
    assert parts.painter.paint(Frame(3, 1), None) is textured
    assert parts.painter.paint(Frame(4, 1), None).max() == 4
    for stage in (*parts.before, *parts.after):
        assert isinstance(stage, SkipFrames)
        assert stage(MASK, Frame(3, 1), None) is MASK
        assert stage(MASK, Frame(4, 1), None).max() == 10
    assert parts.finish == [brighter]


def test_footage_plays_on_after_a_cut(tmp_path):
    films.write(tmp_path / "a.mp4", films.greys(8, 96, 80), 8.0)
    scene = loads("video: {frames: 6, size: 96x80, fps: 8}\nfootage: a.mp4\ncuts: [3]", tmp_path)
    shown = [state.shown for _, state in animate(scene, paint=FlatPainter(np.zeros((80, 96, 3), np.uint8)))]
    assert len(shown) == 6
