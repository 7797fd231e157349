"""Films of a product as a 3D model: a painter that shows each frame exactly, from a few key paintings of each style.

Key paintings are made by the film's model, guided by the product's shape: see key_paintings.py. Their colours are laid
on the surface, and every frame is drawn from it as the camera sees it: see the package `product`.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from animator.errors import SceneError
from animator.frame import Frame, Image, Mask, ProductFrame
from animator.imaging.color import parse_hex_color, srgb_to_linear
from animator.models.painter import NO_HINTS, Hints, Painter
from animator.product import words
from animator.product.backdrop import film_plate
from animator.product.caster import Caster
from animator.product.clay import BACKGROUND
from animator.product.composite import Look, Stage
from animator.product.explosion import part_shifts
from animator.product.hits import Hits
from animator.product.key_views import choose_views
from animator.product.light import Light
from animator.product.paint import KeyView, bounded_colors
from animator.product.place import Stance, close_view, film_views, place_geometry
from animator.product.reflections import Materials
from animator.product.surface import Surface
from animator.product.view import Floats, View
from animator.product.workers import FrameWorkers, worker_count
from animator.render.key_paintings import KeyImage, StylePainter
from animator.scene.fields import Pixels
from animator.scene.scene import Scene
from animator.scene.settings_product import PRODUCT_MODEL
from animator.timeline.compile import timeline

if TYPE_CHECKING:
    from animator.product.mesh import Model

DRAFT = (1, 1)  # rays along each side of a pixel, and of a shadow, in a preview
AHEAD = 16  # frames that are drawn ahead
WORTH_A_WORKER = 24  # frames of a film for which one more process pays
MATERIAL = ("metallic", "roughness")
METAL_POWER = 3.0  # how much more of their own colour metals keep
COLORLESS = 0.3  # share of a style's colours that must be seen for its keys to be painted


def product_settings(scene: Scene) -> Any:
    """Return the section `product` of a scene that has one."""
    assert scene.settings.product is not None
    return scene.settings.product


def key_size(scene: Scene) -> Pixels:
    """Return the size in which the key paintings of a product film are made: at most the model's own."""
    size: Pixels = scene.size
    return size.scaled_to(scene.native_size) if size.exceeds(scene.native_size) else size


@dataclass(frozen=True, eq=False)
class ProductFilm:
    """A product on its stage, with the view of every frame of the film by index, and the views to paint."""

    scene: Scene
    model: Model
    stage: Stage
    views: Mapping[int, View]
    keys: Sequence[KeyView]
    wide: KeyView  # the first key as the film frames it, in which the background is painted

    @property
    def settings(self) -> Any:
        """Section `product` of the scene."""
        return product_settings(self.scene)

    def hits(self, index: int) -> Hits:
        """Return the samples of frame `index` that hit the product; its parts may be moved apart."""
        frame = timeline(self.scene)[index]
        stage = self.stage if frame.product is None else self.stage.exploded(frame.product.explode)
        return stage.caster.cast(self.views[index], stage.samples)

    @cached_property
    def kinds(self) -> np.ndarray:
        """Number of the material of each part, (parts,); those of one look alike, unless they have a texture."""
        rows = [
            (*part.color, part.metallic, part.roughness, -1 if part.texture is None else number)
            for number, part in enumerate(self.model.parts)
        ]
        return np.unique(np.round(np.array(rows), 3), axis=0, return_inverse=True)[1].ravel()

    def part_colors(self, text: str) -> Floats:
        """Return the colours of the parts, linear light (parts, 3): by settings, by words, or of the model."""
        given = self.settings.parts
        names = [part.name for part in self.model.parts]
        colors = words.part_colors(text, names, self.stage.surface.geometry)
        for number, name in enumerate(names):
            color = getattr(given.get(name), "color", None)
            if color is not None:
                colors[number] = srgb_to_linear(np.array(parse_hex_color(color), np.float32) / 255)
        return colors

    def clay(self, colors: Floats) -> Floats:
        """Return the colours of the texels without paint, linear light (T, 3): of their parts, or of their textures.

        A texture is not shown on parts whose words give them another colour than the model's.
        """
        surface, model = self.stage.surface, self.model
        found = colors[surface.part]
        for number, part in enumerate(model.parts):
            own = np.allclose(colors[number], model.colors[number], atol=1e-4)
            if own and part.texture is not None and model.uv is not None:
                at, light = surface.texture(part.texture, model.uv, number)
                found[at] = light * colors[number]
        return found


def open_product(scene: Scene, draft: bool = False) -> ProductFilm:
    """Return the scene's product, read and placed; drafts have fewer rays. Raises SceneError, ProgramError."""
    product, size = product_settings(scene), key_size(scene)
    model = read_model(scene)
    frames = timeline(scene)
    stance = Stance(product.azimuth, product.elevation, *product.place)
    views = film_views(frames, scene.lens, stance)
    whole = model.geometry()
    apart = part_shifts(whole, product.axis)
    shifts = [apart * (0.0 if frame.product is None else frame.product.explode) for frame in frames]
    geometry = place_geometry(whole, views, product.fit, shifts)
    caster = Caster(geometry)
    surface = Surface.of(geometry, scene.size.width / size.width)
    floor = float(geometry.bounds[1, 1]) if product.floor else None
    light = Light(turns=product.light == "turns")
    rays = DRAFT if draft else ()
    stage = Stage(surface, caster, part_materials(scene, model), floor, light, product.axis, *rays)
    count = None if product.keys == "auto" else product.keys
    chosen = choose_views(surface, caster, views, count)
    keys = [KeyView(surface, caster, close_view(views[index], geometry).with_size(*size)) for index in chosen]
    wide = KeyView(surface, caster, views[chosen[0]].with_size(*size))
    by_index = dict(zip((frame.index for frame in frames), views, strict=True))
    return ProductFilm(scene, model, stage, by_index, keys, wide)


def read_model(scene: Scene) -> Model:
    """Return the scene's 3D model. Raises SceneError with the reason why it cannot be used."""
    from animator.product.mesh import MeshError, load_model

    product = product_settings(scene)
    try:
        return load_model(
            scene.file(PRODUCT_MODEL, product.model), up=product.up, front=product.front, units=product.units
        )
    except MeshError as error:
        raise SceneError([scene.problem(PRODUCT_MODEL, str(error))]) from error


def part_materials(scene: Scene, model: Model, main: Sequence[int] = (), text: str = "") -> Materials:
    """Return how the parts reflect: by `product.parts`, by the words `text` for the `main` parts, or by the model."""
    given, words_say = product_settings(scene).parts, words.surface_of(text)
    found = {name: np.array([getattr(part, name) for part in model.parts], np.float32) for name in MATERIAL}
    for place, name in enumerate(MATERIAL):
        if words_say is not None:
            found[name][list(main)] = words_say[place]
        for number, part in enumerate(model.parts):
            own = getattr(given.get(part.name), name, None)
            if own is not None:
                found[name][number] = own
    return Materials(**found)


class ProductPainter(Painter):
    """A painter of a product film: frames are drawn from key paintings, which `inner` makes when they are needed.

    Without `inner`, the product is shown as a clay model in its colours.
    """

    def __init__(self, scene: Scene, inner: Painter | None) -> None:
        """`inner` paints from noise in `key_size(scene)`. Raises SceneError, ProgramError."""
        self.inner, self.film = inner, open_product(scene, draft=inner is None)
        self.film_frames = {frame.index: frame for frame in timeline(scene)}
        self.styles = styles_of(timeline(scene))
        self.store: MutableMapping[str, Image] = {}
        self._looks: dict[str, Look] = {}
        self._coming: dict[int, Future[Image]] = {}
        self._painted: dict[tuple[str, str], list[KeyImage]] = {}

    def keep_paintings(self, store: MutableMapping[str, Image]) -> None:
        self.store = store

    def paint(
        self,
        frame: Frame,
        start: Image | None,  # noqa: ARG002 (the interface of a painter)
        *,
        mask: Mask | None = None,
        hints: Hints = NO_HINTS,
    ) -> Image:
        self._refuse(mask, hints)
        assert frame.product is not None
        if self.workers is None or frame != self.film_frames.get(frame.index):
            return self.film.stage.frame(self.film.views[frame.index], self.frame_look(frame), frame.product)
        for index in range(frame.index, frame.index + AHEAD):
            if index in self.film_frames and index not in self._coming:
                self._coming[index] = self._draw(self.film_frames[index], self.workers)
        return self._coming.pop(frame.index).result()

    @cached_property
    def workers(self) -> FrameWorkers | None:
        """Processes that draw frames ahead of the one that is asked for; None where they would not pay."""
        count = min(worker_count(), len(self.film_frames) // WORTH_A_WORKER)
        if not count:
            return None
        found = FrameWorkers(self.film.stage, count)
        weakref.finalize(self, found.close)
        return found

    def _draw(self, frame: Frame, workers: FrameWorkers) -> Future[Image]:
        assert frame.product is not None
        return workers.draw(self.film.views[frame.index], self.frame_look(frame), frame.product)

    def frame_look(self, frame: Frame) -> Look:
        """Return the look of a frame: of its style, or of a blend of two."""
        prompt = frame.prompt
        look = self._look(frame, prompt.text)
        if not prompt.weight or prompt.next == prompt.text:
            return look
        weight = prompt.weight * prompt.weight * (3 - 2 * prompt.weight)
        return look.mixed(self._look(frame, prompt.next), weight)

    def _look(self, frame: Frame, text: str) -> Look:
        """Return the look of the style with the words `text`; its keys are painted when it is first needed.

        A frame that is not one of the film's, such as a variant of a still, has a style of its own.
        """
        style = (text, frame.prompt.negative)
        if self.inner is None or frame == self.film_frames.get(frame.index):
            shown = self.styles[style]
        else:
            shown = alone(frame, text)
        key = repr((style, shown))
        if key not in self._looks:
            self._looks[key] = self._make_look(shown)
        return self._looks[key]

    def _make_look(self, frame: Frame) -> Look:
        """Return the look of the style of `frame`, from its key paintings."""
        surface, colors = self.film.stage.surface, self.film.part_colors(frame.prompt.text)
        texels, size = self.film.clay(colors), self.film.scene.size
        main = words.main_parts(surface.geometry)
        materials = part_materials(self.film.scene, self.film.model, main, frame.prompt.text)
        if self.inner is None:
            plate = np.broadcast_to(np.array(BACKGROUND, np.float32), (size.height, size.width, 3))
            return Look(texels, np.ascontiguousarray(plate), materials)
        style = StylePainter(self.film, self.inner, frame, colors, materials, self.store, self._number(frame))
        backdrop = style.paint_background()
        if self.shows_color(frame.prompt.text):
            settings = frame.product or ProductFrame()
            texels = bounded_colors(
                surface,
                style.paint_keys(backdrop),
                colors,
                self.film.kinds,
                settings.bound,
                own_share(settings.material, materials.metallic),
                texels,
            )
        self._painted[frame.prompt.text, frame.prompt.negative] = style.painted
        return Look(texels, film_plate(backdrop, *size), materials)

    def _number(self, frame: Frame) -> int:
        """Return the number, from 1 on, of the background of the style of `frame` among the film's key paintings."""
        styles = list(self.styles)
        style = (frame.prompt.text, frame.prompt.negative)
        return 1 + (len(self.film.keys) + 1) * (styles.index(style) if style in styles else 0)

    def key_paintings(self) -> list[KeyImage]:
        """Return all key paintings of the film in the order of their numbers, painted or taken from the store."""
        for (text, _), frame in self.styles.items():
            self._look(frame, text)
        return [image for style in self.styles for image in self._painted[style]]

    def shows_color(self, text: str) -> bool:
        """Return True if a frame shows the colours of the style with the words `text`; else no key is painted."""
        shown = [0.0 if text in (style[0] for style in self.styles) else 1.0]
        for frame in self.film_frames.values():
            here = frame.prompt
            weight = (1 - here.weight) * (here.text == text) + here.weight * (here.next == text)
            shown.append(weight * (frame.product or ProductFrame()).color)
        return max(shown) > COLORLESS


def model_painter(painter: Painter) -> Painter:
    """Return the painter that makes the key paintings of a film of a 3D product."""
    assert isinstance(painter, ProductPainter)
    assert painter.inner is not None
    return painter.inner


def own_share(material: float, metallic: Floats) -> Floats:
    """Return the share 0..1 of each part's own colour, (parts,): metals keep nearly all of it, unless it is 0 for all.

    The look of a metal comes from what it mirrors, which a painting shows as its colour.
    """
    return np.asarray(1 - (1 - material) ** (1 + METAL_POWER * metallic), np.float32)


def alone(frame: Frame, text: str) -> Frame:
    """Return `frame` with the words `text` alone, outside any blend."""
    return replace(frame, prompt=replace(frame.prompt, text=text, next=text, weight=0.0))


_FILMS: WeakKeyDictionary[Scene, ProductFilm] = WeakKeyDictionary()


def product_film(scene: Scene) -> ProductFilm:
    """Return the scene's product, opened once. Raises SceneError, ProgramError."""
    if scene not in _FILMS:
        _FILMS[scene] = open_product(scene)
    return _FILMS[scene]


_COUNTS: WeakKeyDictionary[Scene, int] = WeakKeyDictionary()


def count_key_paintings(scene: Scene) -> int:
    """Return the number of key paintings of a film: each style's background, and its keys where colours show.

    Raises SceneError, ProgramError.
    """
    if scene not in _COUNTS:
        painter = ProductPainter(scene, None)
        shown = [painter.shows_color(text) for text, _ in painter.styles]
        _COUNTS[scene] = sum(1 + len(painter.film.keys) * colored for colored in shown)
    return _COUNTS[scene]


def styles_of(frames: Sequence[Frame]) -> dict[tuple[str, str], Frame]:
    """Return the frame that stands for each style, a prompt and its negative one: the first that shows it alone."""
    found: dict[tuple[str, str], Frame] = {}
    for frame in frames:
        if not frame.prompt.weight:
            found.setdefault((frame.prompt.text, frame.prompt.negative), alone(frame, frame.prompt.text))
    for frame in frames:
        for text in (frame.prompt.text, frame.prompt.next):
            found.setdefault((text, frame.prompt.negative), alone(frame, text))
    return found
