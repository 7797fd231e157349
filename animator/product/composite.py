"""One frame of a product film: painted surface, light of the moment, reflections, strokes, background and shadow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from animator.frame import Image, ProductFrame
from animator.product import pencil
from animator.product.caster import Caster
from animator.product.clay import to_srgb
from animator.product.explosion import explode
from animator.product.hits import Hits
from animator.product.light import Light, floor_shadow, measure_light
from animator.product.reflections import Materials, Room, reflect
from animator.product.surface import Surface
from animator.product.view import Floats, View

INK = 0.035  # linear light of a drawn stroke
SHADOW = 0.72  # of the light that the floor loses where it is all in shadow
FADE = 0.5  # of the product's extent: distance from the floor at which a reflection in it is lost


@dataclass(frozen=True, eq=False)
class Look:
    """One style of the product: the colours of its texels, linear light (T, 3), and its background.

    The background is linear light in the film's size, float32 (h, w, 3).
    """

    colors: Floats
    plate: Floats
    materials: Materials | None = None  # of the parts in this style, if they differ from the stage's

    @property
    def paper(self) -> Floats:
        """Median colour of the background, linear light (3,)."""
        return np.asarray(np.median(self.plate[::4, ::4].reshape(-1, 3), axis=0), np.float32)

    def mixed(self, other: Look, weight: float) -> Look:
        """Return this look with the share `weight` 0..1 of the `other`."""
        if not weight:
            return self
        materials = self.materials
        if materials is not None and other.materials is not None:
            materials = materials.mixed(other.materials, weight)
        return Look(
            self.colors * (1 - weight) + other.colors * weight,
            self.plate * (1 - weight) + other.plate * weight,
            materials,
        )


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything of a product that stays over the film: its surface, materials, floor and light."""

    surface: Surface
    caster: Caster
    materials: Materials
    floor: float | None  # height y of the floor in the world; None: the product floats
    light: Light
    axis: str = "y"  # along which parts move apart
    samples: int = 2  # rays along each side of a pixel
    rays: int = 4  # of a soft shadow, per pixel

    def frame(self, view: View, look: Look, settings: ProductFrame) -> Image:
        """Return the film's frame from `view`, sRGB uint8 (h, w, 3)."""
        if settings.explode:
            return self.exploded(settings.explode).frame(view, look, replace(settings, explode=0.0))
        hits = self.caster.cast(view, self.samples)
        dark = floor_shadow(self.caster, view, self.floor, self.light, self.rays)
        backdrop = self._backdrop(view, look, settings, dark)
        cover = hits.coverage[..., None]
        product, light = self._product(hits, look, settings)
        image = product + backdrop * (1 - cover)
        return to_srgb(_drawn(image, hits, light, dark, settings))

    def exploded(self, amount: float) -> Stage:
        """Return the stage with the parts moved apart; its floor lies under the lowest of them."""
        if not amount:
            return self
        geometry = explode(self.surface.geometry, amount, self.axis)
        floor = None if self.floor is None else float(geometry.bounds[1, 1])
        return replace(
            self, surface=replace(self.surface, geometry=geometry), caster=Caster(geometry), floor=floor
        )

    def _product(self, hits: Hits, look: Look, settings: ProductFrame) -> tuple[Floats, Floats]:
        """Return the product's light, weighted by coverage (h, w, 3), and the factor of light on it (h, w)."""
        albedo = self.surface.at(hits, look.colors)
        if settings.color != 1:
            albedo = albedo * settings.color + look.paper * (1 - settings.color)
        shade = measure_light(hits, self.light, self.caster, self.rays).scaled(settings.light)
        materials = look.materials or self.materials
        metal = materials.metallic[hits.parts][:, None] * min(settings.gloss, 1.0)
        bare = albedo * (1 - 0.75 * metal)
        key = hits.mean(bare * shade.key[:, None]) * shade.key_open[..., None]
        rest = hits.mean(bare * shade.rest[:, None]) * shade.rest_open[..., None]
        lit = key + rest
        if settings.shade != 1:
            lit = hits.mean(bare) * (1 - settings.shade) + lit * settings.shade
        if settings.gloss:
            mirrored = reflect(hits, albedo, materials, Room(look.plate), settings.light)
            lit = lit + settings.gloss * hits.mean(mirrored) * shade.rest_open[..., None]
        cover = np.maximum(hits.coverage, 1e-6)
        return lit, np.asarray(shade.over(hits)[..., 0] / cover, np.float32)

    def _backdrop(self, view: View, look: Look, settings: ProductFrame, dark: Floats) -> Floats:
        """Return the background with the product's shadow, and its reflection in the floor, (h, w, 3)."""
        plate = look.plate
        if settings.reflection and self.floor is not None:
            plate = self._with_reflection(plate, view, look, settings)
        return plate * (1 - SHADOW * settings.shadow * dark)[..., None]

    def _with_reflection(self, plate: Floats, view: View, look: Look, settings: ProductFrame) -> Floats:
        """Return `plate` with the product mirrored in the floor; the farther from it, the weaker and softer."""
        assert self.floor is not None
        if view.eye[1] >= self.floor:
            return plate
        mirror = np.diag([1.0, -1.0, 1.0, 1.0])
        mirror[1, 3] = 2 * self.floor
        hits = self.caster.cast(View(view.pose @ mirror, view.lens), 1)
        if not len(hits.found):
            return plate
        albedo = self.surface.at(hits, look.colors)
        shade = measure_light(hits, self.light).scaled(settings.light)
        height = (self.floor - hits.points_of(hits.found)[:, 1]) / (FADE * self.caster.geometry.extent)
        fade = np.clip(1 - height, 0, 1)[:, None] ** 2
        values = np.concatenate([albedo * (shade.key + shade.rest)[:, None] * fade, fade], -1)
        soft = cv2.GaussianBlur(hits.mean(np.asarray(values, np.float32)), (0, 0), max(view.width / 400, 0.6))
        mixed = np.asarray(soft, np.float32)
        amount = settings.reflection
        return np.asarray(plate * (1 - amount * mixed[..., 3:]) + amount * mixed[..., :3], np.float32)


def _drawn(image: Floats, hits: Hits, light: Floats, dark: Floats, settings: ProductFrame) -> Floats:
    """Return `image` with pencil lines and hatching; `dark`: darkness of the floor's shadow, 0..1 (h, w)."""
    if not (settings.lines or settings.hatching):
        return image
    ink = settings.lines * pencil.line_ink(hits)
    if settings.hatching:
        cover = hits.coverage
        level = light * cover + (1 - settings.shadow * dark) * (1 - cover)
        strokes = pencil.hatching_ink(np.asarray(level, np.float32), hits.view.width, hits.view.height)
        ink = np.maximum(ink, settings.hatching * strokes)
    return np.asarray(image - np.maximum(image - INK, 0) * ink[..., None], np.float32)
