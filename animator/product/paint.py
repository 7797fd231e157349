"""Paint on the surface: colours of key paintings, freed of their light, gathered on the texels by majority.

A texel takes its colour from the keys that saw it well: facing it, and away from outlines and from the borders of its
part. Keys that disagree with the majority count less, so one mistaken painting leaves no trace. Colours are linear
light, or its logarithm, in which differences are ratios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from animator.frame import Image
from animator.imaging.color import image_lab, srgb_to_linear
from animator.product.caster import Caster
from animator.product.clay import to_srgb
from animator.product.hits import Hits
from animator.product.key_views import facing_quality, view_cosines
from animator.product.surface import Surface
from animator.product.view import Doubles, Floats, View

CORE = 3.0  # pixels from outlines and borders from which on the paint is the surface's own
REACH = 14.0  # pixels over which colours are carried from the core to edges
LEAST_LIGHT = 0.12  # light that paint is divided by, at least: deep shadows say little about colour
KNOWN = 0.05  # how well a texel must be seen, at least, to have a colour of its own
ROUNDS = 6  # of the search for the majority's colour
TOLERANCE = 0.16  # difference in log colour at which a key counts half
OFFSET = 0.015  # of linear light, so that black has a finite logarithm
SIMILAR, DIFFERENT = 12.0, 25.0  # ΔE: like the background, and unlike the part's own colour


@dataclass(frozen=True, eq=False)
class KeyView:
    """A view that is painted, with everything about its texels that no painting changes."""

    surface: Surface
    caster: Caster
    view: View
    samples: int = 2

    @cached_property
    def hits(self) -> Hits:
        """Samples that hit the product."""
        return self.caster.cast(self.view, self.samples)

    @cached_property
    def owners(self) -> NDArray[np.int32]:
        """Part that covers each pixel almost whole, (h, w); -1 where none does."""
        near = self.hits.nearest
        face = np.where(near >= 0, self.hits.triangle.ravel()[near], 0)
        inside = (near >= 0) & (self.hits.coverage > 0.9)
        return np.where(inside, self.hits.geometry.part[face], -1).astype(np.int32)

    @cached_property
    def pixels(self) -> Doubles:
        """Place of each texel in the image, (T, 2); NaN behind the camera."""
        return self.view.project(self.surface.points())[0]

    @cached_property
    def quality(self) -> Floats:
        """Quality at which each texel is seen, by its angle to the ray, 0..1 (T,); 0 where something hides it."""
        points, normals = self.surface.points(), self.surface.normals()
        seen = self.caster.visible(points, self.view)
        return facing_quality(view_cosines(self.view, points, normals)) * seen


@dataclass(frozen=True, eq=False)
class KeyColors:
    """Colours that one key painting gives to the texels, as logarithms (T, 3), and its weight there, 0..1 (T,)."""

    log: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class Paint:
    """Colours of the texels, as logarithms (T, 3), and how well the keys saw each, 0..1 (T,)."""

    log: Floats
    known: Floats


def to_log(light: Floats) -> Floats:
    """Return linear light as its logarithm."""
    return np.asarray(np.log(np.maximum(light, 0) + OFFSET), np.float32)


def from_log(log: Floats) -> Floats:
    """Return the linear light of logarithms by `to_log`."""
    return np.asarray(np.maximum(np.exp(log) - OFFSET, 0), np.float32)


def read_key(key: KeyView, image: Image, light: Floats, backdrop: Image | None, colors: Floats) -> KeyColors:
    """Return the colours that the painting `image` of a key view gives to the texels.

    `image`: sRGB uint8 (h, w, 3). `light`: the factor of linear light that it shows at each pixel, (h, w). Pixels
    that show the `backdrop`, sRGB (h, w, 3), instead of a part of `colors`, linear light (parts, 3), are refused.
    """
    albedo = srgb_to_linear(image.astype(np.float32) / 255) / np.maximum(light, LEAST_LIGHT)[..., None]
    painted = to_log(np.asarray(albedo, np.float32))
    refused = mistaken(key, image, light, backdrop, colors)
    log, weight = to_log(colors[key.surface.part]), np.zeros(len(key.surface), np.float32)
    for part in np.unique(key.owners[key.owners >= 0]):
        at = np.flatnonzero((key.surface.part == part) & (key.quality > 0))
        filled, trust = _carried(painted, key.owners == part, refused)
        log[at] = sample_image(filled, key.pixels[at])
        weight[at] = key.quality[at] * sample_image(trust[..., None], key.pixels[at])[:, 0]
    return KeyColors(log, weight)


def sample_image(image: Floats, pixels: NDArray[np.floating]) -> Floats:
    """Return the values (n, c) of an image (h, w, c) at pixels (n, 2), interpolated; outside, those of its edge."""
    wide = 1 << 12  # cv2.remap takes at most 32,767 columns
    padded = np.zeros((-(-len(pixels) // wide) * wide, 2), np.float32)
    padded[: len(pixels)] = pixels
    x, y = (np.ascontiguousarray(padded[:, axis].reshape(-1, wide)) for axis in (0, 1))
    found = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(-1, image.shape[-1])[: len(pixels)], np.float32)


def _carried(log: Floats, inside: NDArray[np.bool_], refused: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the colours of a part's core carried outwards, (h, w, 3), and the trust in them, 0..1 (h, w)."""
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    core = (depth >= CORE) & ~refused
    if not core.any():  # a part thinner than a cell of the latents, of which no paint is its own
        return log, np.zeros(inside.shape, np.float32)
    away, label = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(label.max()) + 1, np.int64)
    source[label[core]] = np.flatnonzero(core.ravel())
    trust = np.clip(1 - away / REACH, 0, 1)
    return np.asarray(log.reshape(-1, 3)[source[label]], np.float32), np.asarray(trust, np.float32)


def mistaken(
    key: KeyView, image: Image, light: Floats, backdrop: Image | None, colors: Floats
) -> NDArray[np.bool_]:
    """Return True for pixels (h, w) in which a part is painted like the background or like another part.

    Such a pixel is unlike the part's own colour in `colors`, and like one of theirs.
    """
    inside = key.owners >= 0
    painted = image_lab(_softened(image))
    seen, lit = np.unique(key.owners[inside]), np.asarray(light[..., None], np.float32)
    away = np.stack(
        [np.linalg.norm(painted - image_lab(to_srgb(colors[part] * lit)), axis=-1) for part in seen]
    )
    place = np.clip(np.searchsorted(seen, key.owners), 0, len(seen) - 1)
    own = np.take_along_axis(away, place[None], axis=0)[0]
    alike = away.min(0) < SIMILAR
    if backdrop is not None:
        behind = image_lab(_softened(backdrop))
        alike |= np.linalg.norm(painted - behind, axis=-1) < SIMILAR
    wrong = (alike & (own > DIFFERENT) & inside).astype(np.uint8)
    edge = 2 * int(CORE) + 1  # its blurred edge is neither like the one nor like the other
    return np.asarray(cv2.dilate(wrong, np.ones((edge, edge), np.uint8)) > 0) & inside


def _softened(image: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.uint8)


def gather(surface: Surface, keys: Sequence[KeyColors], colors: Floats) -> Paint:
    """Return the paint on which `keys` agree; where none saw the surface, that of its part.

    Parts that no key saw have their colour in `colors`, linear light (parts, 3).
    """
    log, weight = np.stack([key.log for key in keys]), np.stack([key.weight for key in keys])
    agreed, known = _majority(log, weight), np.asarray(weight.max(0), np.float32)
    fallback = part_medians(surface, agreed, known, colors)[surface.part]
    sure = np.clip(known / KNOWN, 0, 1)[:, None]
    return Paint(np.asarray(agreed * sure + fallback * (1 - sure), np.float32), known)


def _majority(log: Floats, weight: Floats) -> Floats:
    """Return the colours (T, 3) on which the keys (K, T, 3) agree: weighted means with Cauchy weights, repeated.

    Holland & Welsch, "Robust regression using iteratively reweighted least-squares", 1977.
    """
    trust = weight
    for _ in range(ROUNDS):
        total = np.maximum(trust.sum(0), 1e-9)
        middle = np.einsum("kt,ktc->tc", trust, log) / total[:, None]
        off = np.linalg.norm(log - middle, axis=-1) / TOLERANCE
        trust = weight / (1 + off * off)
    return np.asarray(middle, np.float32)


def part_medians(surface: Surface, log: Floats, known: Floats, colors: Floats) -> Floats:
    """Return the median of each part's texels that are known best, as logarithms (parts, 3).

    Parts that no key saw have their colour in `colors`, linear light (parts, 3).
    """
    found = to_log(colors)
    for part in range(len(colors)):
        inside = np.flatnonzero(surface.part == part)
        best = inside[known[inside] >= max(KNOWN, 0.5 * known[inside].max(initial=0))]
        if len(best):
            found[part] = np.median(log[best], axis=0)
    return found


def bounded_colors(
    surface: Surface,
    paint: Paint,
    colors: Floats,
    kinds: NDArray[np.integer],
    bound: float = 0.2,
    material: float | Floats = 0.0,
    clay: Floats | None = None,
) -> Floats:
    """Return the colours of the texels, linear light (T, 3), held near the colour of their part.

    `bound` is the largest difference from the median colour of the part, as a logarithm: 0.1 is about 10 % of light.
    `material`, one number or (parts,), is the share 0..1 in these medians of the parts' own `colors`, linear light
    (parts, 3), or of those of the texels, `clay` (T, 3). Parts of equal `kinds` (parts,), such as both cups of a pair,
    share a median.
    """
    middles = _shared(surface, part_medians(surface, paint.log, paint.known, colors), kinds)
    own = to_log(colors)[surface.part] if clay is None else to_log(clay)
    share = np.broadcast_to(np.asarray(material, np.float32), (len(colors),))[surface.part, None]
    goals = middles[surface.part] * (1 - share) + own * share
    off = paint.log - middles[surface.part]
    size = np.linalg.norm(off, axis=-1, keepdims=True)
    held = off * (bound * np.tanh(size / max(bound, 1e-6)) / np.maximum(size, 1e-6))
    return from_log(goals + held)


def _shared(surface: Surface, medians: Floats, kinds: NDArray[np.integer]) -> Floats:
    """Return the medians (parts, 3) averaged over the parts of a kind, by their numbers of texels."""
    size = np.bincount(surface.part, minlength=len(medians)) + 1e-9
    shared = medians.copy()
    for kind in np.unique(kinds):
        alike = np.flatnonzero(kinds == kind)
        shared[alike] = np.average(medians[alike], axis=0, weights=size[alike])
    return shared
