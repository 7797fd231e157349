"""Films of a 3D product: frames drawn from key paintings, which are made once, kept, and numbered."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import animator
from animator import SceneError
from animator.frame import Image
from animator.models.painter import NO_HINTS, Painter
from animator.product import passes
from animator.product.workers import FrameWorkers
from animator.render.camera import make_camera
from animator.render.masks import build_masks
from animator.render.pipeline import animate, load_painter
from animator.render.product import ProductPainter, count_key_paintings, open_product, styles_of
from animator.runs.store import KeyPaintings
from animator.scene.resolve import to_yaml
from animator.timeline.compile import timeline
from tests import control
from tests.product.glb_files import product

FILM = """
video: {size: 96x96, frames: 8}
product: {model: product.glb, keys: 2, gloss: 0, material: 0, bound: 4}
prompts:
  at: {0: pencil sketch of a lamp, 5: photo of a lamp}
  travel: 2
motion: {orbit_y: 20}
painting: {seed: {start: 3, behavior: fixed}}
"""


class StainPainter(Painter):
    """A painter that stains what it is given: the first word of the prompt decides the colour. It counts its calls."""

    capabilities = frozenset({"mask", "hints"})
    STAINS: ClassVar = {"pencil": (200, 40, 40), "photo": (40, 40, 200)}

    def __init__(self) -> None:
        self.calls: list[tuple[int, bool]] = []

    def paint(self, frame, start, *, mask=None, hints=NO_HINTS) -> Image:
        self.calls.append((frame.seed, start is None))
        color = np.array(self.STAINS[frame.prompt.text.split()[0]], np.uint8)
        if start is None:
            return np.full((96, 96, 3), 220, np.uint8)
        assert mask is not None and mask.shape == start.shape[:2]
        return np.where(mask[..., None] > 0, color, start).astype(np.uint8)

    def with_size(self, width, height) -> Painter:
        return self


@pytest.fixture
def scene(tmp_path):
    """Return a function from `--set` options to the scene of FILM, with its product."""
    product(tmp_path / "product.glb")
    return lambda *settings: animator.loads(FILM, tmp_path, settings)


@pytest.fixture
def painted(scene):
    inner = StainPainter()
    film = scene()
    painter = ProductPainter(film, inner)
    shown = [state.shown for _, state in animate(film, paint=painter)]
    return painter, inner, shown


def middle(image) -> np.ndarray:
    return np.median(image[44:56, 40:52].reshape(-1, 3), axis=0)


def test_a_film_goes_from_one_style_to_the_next_on_one_surface(painted):
    painter, inner, shown = painted
    assert len(shown) == 8
    calls = 2 * (1 + 2)  # each style: its background and two keys
    assert len(inner.calls) == calls == count_key_paintings(painter.film.scene)
    red, _, blue = middle(shown[0])
    assert red > 2 * blue
    red, _, blue = middle(shown[7])
    assert blue > 2 * red
    outside = np.array([image[:6, :6] for image in shown])
    assert np.abs(outside.astype(int) - 220).max() <= 2


def test_every_frame_is_painted_and_none_depends_on_the_one_before(painted, scene):
    painter, _, shown = painted
    frames = timeline(scene())
    assert all(frame.diffuse for frame in frames)
    assert np.array_equal(painter.paint(painter.film_frames[6], shown[0]), shown[6])


def test_key_paintings_are_kept_and_taken_from_the_store(scene, tmp_path):
    first, again = StainPainter(), StainPainter()
    shown = []
    for inner in (first, again):
        painter = ProductPainter(scene(), inner)
        painter.keep_paintings(KeyPaintings(tmp_path))
        shown.append([painter.paint(frame, None) for frame in painter.film_frames.values()])
    assert (len(first.calls), len(again.calls)) == (6, 0)
    assert len(KeyPaintings(tmp_path)) == 6
    assert np.array_equal(*shown)


def test_a_damaged_key_painting_is_painted_again(scene, tmp_path):
    for count in (6, 1):
        inner = StainPainter()
        painter = ProductPainter(scene(), inner)
        painter.keep_paintings(KeyPaintings(tmp_path))
        assert len(painter.key_paintings()) == 6
        assert len(inner.calls) == count
        name = sorted((tmp_path / "keys").glob("*.png"))[0]
        name.write_bytes(name.read_bytes()[:60])


def test_one_key_painting_gets_a_seed_of_its_own(scene):
    inner = StainPainter()
    labels = [key.label for key in ProductPainter(scene("product.seeds.5=11"), inner).key_paintings()]
    assert labels == [
        "1 background, seed 3", "2, seed 3", "3, seed 3", "4 background, seed 3", "5, seed 11", "6, seed 3",
    ]  # fmt: skip
    assert [seed for seed, _ in inner.calls] == [3, 3, 3, 3, 11, 3]


def test_a_style_without_colour_needs_no_key_paintings(scene):
    inner = StainPainter()
    painter = ProductPainter(scene("product.color={0: 0, 4: 0, 5: 1}"), inner)
    painter.key_paintings()
    assert [fresh for _, fresh in inner.calls] == [True, True, False, False]


def test_a_frame_of_other_settings_has_a_style_of_its_own(scene):
    from dataclasses import replace

    inner = StainPainter()
    painter = ProductPainter(scene(), inner)
    own = timeline(scene())[0]
    painter.paint(own, None)
    painter.paint(replace(own, seed=99), None)
    assert [seed for seed, _ in inner.calls] == [3] * 3 + [99] * 3


def test_without_a_painter_the_product_is_clay_in_its_own_colours(scene):
    film = scene()
    image = ProductPainter(film, None).paint(timeline(film)[0], None)
    red, green, _ = middle(image)
    assert red > 1.5 * green
    assert np.ptp(image[:6, :6].astype(int), axis=(0, 1)).max() == 0


def test_colours_and_materials_of_single_parts_are_set(scene):
    found = open_product(scene('product.parts={knob: {color: "#00ff00", roughness: 0.9, metallic: 0}}'))
    assert found.part_colors("a lamp")[1] == pytest.approx([0, 1, 0])
    assert found.stage.materials.roughness[1] == pytest.approx(0.9)
    assert found.stage.materials.metallic.tolist() == [0, 0]


def test_styles_stand_for_every_prompt_once(scene):
    found = styles_of(timeline(scene()))
    assert [text for text, _ in found] == ["pencil sketch of a lamp", "photo of a lamp"]
    assert all(frame.prompt.weight == 0 for frame in found.values())


def test_workers_draw_the_same_bytes_and_end_with_their_film(scene):
    painter = ProductPainter(scene(), StainPainter())
    frames = list(painter.film_frames.values())
    here = [painter.paint(frame, None) for frame in frames[:3]]
    workers = FrameWorkers(painter.film.stage, 2)
    coming = [
        workers.draw(painter.film.views[frame.index], painter.frame_look(frame), frame.product)
        for frame in frames[:3]
    ]
    assert all(np.array_equal(one.result(), other) for one, other in zip(coming, here, strict=True))
    started = list(workers._started)
    workers.close()
    assert all(worker.returncode is not None for worker in started)


def test_sdxl_paints_keys_with_a_controlnet_of_normals(checkpoint, tmp_path):
    product(tmp_path / "product.glb")
    net = control.write(tmp_path / "net", checkpoint, 0.2)
    text = FILM.replace("96x96", "64x64") + f"control: {{shape: {{model: {net}, hint: normal}}}}\n"
    settings = [f"model.base={checkpoint}", "painting.steps=2", "product.keys=1"]
    film = animator.loads(text, tmp_path, settings)
    shown = [state.shown for _, state in animate(film, paint=load_painter(film))]
    again = [state.shown for _, state in animate(film, paint=load_painter(film))]
    assert np.array_equal(shown, again)
    off = animator.loads(text, tmp_path, [*settings, "control.shape.scale=0"])
    without = [state.shown for _, state in animate(off, paint=load_painter(off))]
    assert not np.array_equal(shown, without)


def test_a_resolved_film_keeps_its_product(scene):
    again = animator.loads(to_yaml(scene()), "/")
    assert timeline(again) == timeline(scene())


def test_a_part_is_a_mask_in_every_frame(scene):
    masked = scene("masks={knob: {part: knob}, all: {part: '*'}}", "grade={mask: knob, contrast: 1.5}")
    masks = build_masks(masked, timeline(masked), make_camera(masked, timeline(masked)), None)
    film, frame = open_product(masked), timeline(masked)[3]
    hits = film.stage.caster.cast(film.views[3], 2)
    own, whole = passes.part_masks(hits, [1])[0], passes.mask(hits)
    assert own.max() == 255
    assert np.array_equal(masks("knob", frame), own)
    assert np.array_equal(masks("all - knob", frame), np.minimum(whole, 255 - own))


def test_a_cutout_needs_no_colours(scene):
    with pytest.raises(SceneError, match="part: '\\*'"):
        scene("output.also=[poster-alpha]")
    assert scene("output.also=[poster-alpha]", "masks={product: {part: '*'}}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("product: product.glb\nmasks: {a: {part: nob}}", "did you mean 'knob'"),
        ("masks: {a: {part: knob}}", "there is no 3D product"),
    ],
)
def test_masks_of_parts_that_are_not_there_are_told(text, message, tmp_path):
    product(tmp_path / "product.glb")
    with pytest.raises(SceneError, match=message):
        animator.loads(text, tmp_path)
