"""Key paintings of one style of a product: each is painted along the product's shape and what earlier ones know."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from animator.frame import Control, Frame, Image, Mask, ProductFrame, Prompt, frame_values
from animator.models import nano
from animator.models.painter import Hints, Painter
from animator.product import hints as shape_hints
from animator.product.backdrop import film_plate, paint_plate
from animator.product.composite import Look
from animator.product.hits import Hits
from animator.product.light import floor_shadow, measure_light
from animator.product.paint import KeyColors, KeyView, Paint, from_log, gather, read_key
from animator.product.reflections import Materials
from animator.product.view import Floats
from animator.render.control import SHAPE_CONTROL
from animator.scene.scene import Scene

if TYPE_CHECKING:
    from animator.render.product import ProductFilm

logger = logging.getLogger(__name__)

KNOWN_STRENGTH = 0.3  # of the strength, where earlier keys know the surface
WELL_KNOWN = 0.5  # how well a texel must be seen to count as known
EDGE = 3  # pixels beyond the outline that are painted with the product

HINTS = {
    "shape": shape_hints.hint_image,
    "normal": shape_hints.normal_hint,
    "depth": shape_hints.depth_hint,
    "lineart": shape_hints.lineart_hint,
    "mask": shape_hints.mask_hint,
}


class KeyImage(NamedTuple):
    """A key painting with the words of its style and its label: its number and seed."""

    text: str
    label: str
    image: Image


class StylePainter:
    """Paints the background and the key views of one style, one after the other."""

    def __init__(
        self,
        film: ProductFilm,
        inner: Painter,
        frame: Frame,
        colors: Floats,
        materials: Materials,
        store: MutableMapping[str, Image],
        first: int = 1,
    ) -> None:
        """`frame` gives the style's words and settings; `colors`, linear light (parts, 3), and `materials` the clay's.

        Paintings are kept in `store`, by a digest of everything that `inner` gets. `first` is the number of the
        style's background among all key paintings of the film; its keys follow.
        """
        self.film, self.inner, self.colors, self.store = film, inner, colors, store
        self.first, self.painted = first, list[KeyImage]()
        self.settings = frame.product or ProductFrame()
        self.frame = self._key_frame(frame)
        self.clay, self.materials = film.clay(colors), materials

    def _key_frame(self, frame: Frame) -> Frame:
        """Return `frame` outside any blend, and with the ControlNet of the product's shape."""
        text, negative = frame.prompt.text, frame.prompt.negative
        control = dict(frame.control)
        if not control and self.film.scene.settings.model.base == "nano":
            control = {SHAPE_CONTROL: Control()}
        return replace(frame, prompt=Prompt(text, negative, text), control=control)

    def paint_background(self) -> Image:
        """Return the background of a painting from noise, sRGB in the size of the keys."""
        key = self.film.wide
        image = self._paint(None, None, key.hits, self.first, "background")
        stage = self.film.stage
        shadow = floor_shadow(stage.caster, key.view, stage.floor, stage.light)
        return paint_plate([image], [key.hits.coverage], [shadow])

    def paint_keys(self, plate: Image) -> Paint:
        """Return the paint of all keys on the surface, painted before the background `plate`, sRGB in their size."""
        found: list[KeyColors] = []
        paint: Paint | None = None
        for number, key in enumerate(self.film.keys, 1):
            logger.info("key painting %d of %d: %s", number, len(self.film.keys), self.frame.prompt.text)
            image = self._paint_key(key, paint, plate, number)
            found.append(read_key(key, image, self._light(key.hits), plate, self.colors))
            paint = gather(self.film.stage.surface, found, self.colors)
        assert paint is not None
        return paint

    def _paint_key(self, key: KeyView, paint: Paint | None, plate: Image, number: int) -> Image:
        """Return the painting of a key view: over clay where nothing is known, over the known paint elsewhere."""
        stage, surface = self.film.stage, self.film.stage.surface
        texels, known = self.clay, np.zeros(len(surface), np.float32)
        if paint is not None:
            known = np.clip(paint.known / WELL_KNOWN, 0, 1)
            texels = from_log(paint.log) * known[:, None] + self.clay * (1 - known[:, None])
        look = Look(texels, film_plate(plate, key.view.width, key.view.height), self.materials)
        settings = replace(self.settings, lines=0.0, hatching=0.0, reflection=0.0, color=1.0, explode=0.0)
        start = stage.frame(key.view, look, settings)
        sure = key.hits.mean(surface.at(key.hits, known[:, None]))[..., 0]
        return self._paint(start, _strength_mask(key.hits, sure), key.hits, self.first + number, "")

    def _paint(self, start: Image | None, mask: Mask | None, hits: Hits, number: int, note: str) -> Image:
        """Return the stored painting of these inputs, or a new one; `number` is that of the key painting."""
        own = self.film.settings.seeds.get(str(number))
        frame = self.frame if own is None else replace(self.frame, seed=own)
        hints = self._hints(hits)
        name = _digest(self.film.scene, frame, start, mask, hints)
        image = self.store.get(name)
        if image is None:
            image = self.inner.paint(frame, start, mask=mask, hints=hints)
            self.store[name] = image
        label = f"{number} {note}, seed {frame.seed}".replace(" ,", ",")
        self.painted.append(KeyImage(frame.prompt.text, label, image))
        return image

    def _hints(self, hits: Hits) -> dict[str, Image]:
        """Return the hint of each ControlNet that guides the painting."""
        given = self.film.scene.settings.control
        kinds = {name: given[name].hint if name in given else "shape" for name in self.frame.control}
        return {
            name: HINTS[kind](hits)
            for name, kind in kinds.items()
            if kind in HINTS and self.frame.control[name].scale
        }

    def _light(self, hits: Hits) -> Floats:
        """Return the factor of light that a painting of this style shows at each pixel, (h, w)."""
        stage, share = self.film.stage, self.settings.shade
        shade = measure_light(hits, stage.light, stage.caster, stage.rays).scaled(self.settings.light)
        lit = shade.over(hits)[..., 0] / np.maximum(hits.coverage, 1e-6)
        return np.asarray(1 - share + share * lit, np.float32)


def _strength_mask(hits: Hits, known: Floats) -> Mask:
    """Return the strength of each pixel, 0..255: whole on new surface, little on known, none on the background."""
    reach = cv2.dilate((hits.coverage > 0).astype(np.uint8), np.ones((2 * EDGE + 1,) * 2, np.uint8))
    share = reach * (1 - (1 - KNOWN_STRENGTH) * np.clip(known, 0, 1))
    return np.asarray(255 * share + 0.5, np.uint8)


def _digest(scene: Scene, frame: Frame, start: Image | None, mask: Mask | None, hints: Hints) -> str:
    """Return the name of a painting: a hash of the model and of all that the painter gets but the frame's number."""
    values = {
        name: value
        for name, value in frame_values(frame).items()
        if name
        in ("seed", "subseed", "subseed_strength", "prompt", "painting", "loras", "lora_blocks", "control")
    }
    model = scene.settings.model.model_dump(mode="json", exclude={"device", "memory", "compile"})
    control = {name: one.model for name, one in scene.settings.control.items()}
    known = [model, nano.DIGEST if model["base"] == "nano" else "", control, values]
    hashed = hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode("utf8"))
    for image in (start, mask, *(hints[name] for name in sorted(hints))):
        hashed.update(b"-" if image is None else image.tobytes())
    return hashed.hexdigest()[:24]
