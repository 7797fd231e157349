"""The products: functions that return random shapes, standing on the floor, front towards +z.

Thin parts are thicker than in reality: details under three pixels do not survive an f8 VAE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanolab.shapes import (
    BODY,
    DARK,
    GLOW,
    INNER,
    LIGHT,
    STEEL,
    Placement,
    RandomSource,
    Shape,
    bounding_box,
    box,
    capsule,
    ellipsoid,
    frustum,
    ring,
    rod,
)


def speaker(random: RandomSource) -> list[Shape]:
    """Return a loudspeaker: a box with two cones on its front, a port and two terminals on its back."""
    wide, tall, deep = random.uniform(0.27, 0.36), random.uniform(0.42, 0.56), random.uniform(0.22, 0.3)
    large = wide * random.uniform(0.68, 0.8)
    small = large * random.uniform(0.42, 0.58)
    shapes = [box((wide, tall, deep), Placement((0, tall + 0.02, 0)), random.uniform(0.03, 0.09))]
    for radius, height in ((large, tall * 0.72), (small, tall * 0.72 + large + small + 0.05)):
        shapes += _speaker_cone(radius, height, deep)
    plate = Placement((0, tall * 0.55, -deep), material=DARK)
    port = Placement((0, tall * 1.4, -deep), (90, 0, 0), material=DARK)
    shapes += [box((wide * 0.5, tall * 0.24, 0.015), plate, 0.01), frustum(small, small, 0.012, port, 0.005)]
    shapes.append(ring(small, 0.026, Placement((0, tall * 1.4, -deep), material=STEEL)))
    for side in (-1, 1):
        knob = Placement((side * wide * 0.24, tall * 0.55, -deep - 0.02), material=STEEL)
        shapes.append(ellipsoid((0.05, 0.05, 0.04), knob))
    return shapes


def _speaker_cone(radius: float, height: float, front: float) -> list[Shape]:
    rim = Placement((0, height, front + 0.005), material=STEEL)
    dish = Placement((0, height, front), (90, 0, 0), material=DARK)
    hub = Placement((0, height, front - 0.01), material=STEEL)
    return [
        frustum(radius, radius, 0.012, dish, 0.005),
        ring(radius * 0.96, 0.026, rim),
        ellipsoid((radius * 0.36, radius * 0.36, 0.06), hub),
    ]


def headphones(random: RandomSource) -> list[Shape]:
    """Return headphones standing on their cups: the band arches over them, the cups face outward along x."""
    span, tall = random.uniform(0.38, 0.44), random.uniform(0.58, 0.7)
    cup, thick = random.uniform(0.22, 0.27), random.uniform(0.075, 0.1)
    wide = random.uniform(0.03, 0.06)
    band = Placement((0, tall, 0), stretch=(0, 0, wide))
    shapes = [ring(span, 0.052, band, 92)]
    for side in (-1.0, 1.0):
        x = side * span
        arm = Placement((0, 0, 0), material=STEEL)
        shapes += [
            rod((x, tall + 0.02, 0), (x, cup + 0.04, 0), 0.05, arm),
            frustum(cup, cup * 0.92, thick, Placement((x, cup + 0.01, 0), (0, 0, -90 * side)), 0.05),
            frustum(cup * 0.86, cup * 0.86, 0.06, _place_pad(x - side * (thick + 0.03), cup), 0.05),
            frustum(cup * 0.5, cup * 0.46, 0.02, _place_cap(x + side * thick, cup, side), 0.01),
        ]
    return shapes


def _place_pad(x: float, cup: float) -> Placement:
    return Placement((x, cup + 0.01, 0), (0, 0, 90), material=DARK)


def _place_cap(x: float, cup: float, side: float) -> Placement:
    return Placement((x, cup + 0.01, 0), (0, 0, -90 * side), material=LIGHT)


def scooter(random: RandomSource) -> list[Shape]:
    """Return an electric scooter: deck, two wheels, leaning stem, handlebar, mudguard, headlight; it rides to +z."""
    base, wheel = random.uniform(0.42, 0.52), random.uniform(0.125, 0.16)
    tall, lean = random.uniform(0.95, 1.15), random.uniform(0.1, 0.18)
    tyre = 0.048
    hub = wheel + tyre
    top = (0.0, tall, base - lean)
    shapes = [
        box((0.12, 0.045, base * 0.74), Placement((0, hub * 0.95, -0.05)), 0.03),
        box((0.085, 0.012, base * 0.62), Placement((0, hub * 0.95 + 0.045, -0.06), material=DARK), 0.01),
        rod((0, hub + 0.02, base), top, 0.05, Placement()),
        rod((0, hub * 0.95, base * 0.55), (0, hub + 0.17, base - 0.04), 0.05, Placement(blend=0.04)),
        rod((0, hub, -base), (0, hub * 0.95, -base * 0.6), 0.055, Placement(blend=0.03)),
        rod((-0.25, tall, base - lean), (0.25, tall, base - lean), 0.042, Placement(material=STEEL)),
        ellipsoid((0.065, 0.06, 0.065), Placement(top, material=DARK)),
        ellipsoid((0.06, 0.06, 0.05), Placement((0, tall - 0.13, base - lean + 0.065), material=GLOW)),
    ]
    for side in (-1, 1):
        shapes.append(
            capsule(0.052, 0.06, Placement((0.25 * side, tall, base - lean), (0, 0, 90), material=DARK))
        )
    for z in (-base, base):
        shapes.append(ring(wheel, tyre, Placement((0, hub, z), (0, 90, 0), material=DARK)))
        shapes.append(
            frustum(wheel * 0.72, wheel * 0.72, 0.04, Placement((0, hub, z), (0, 0, 90), STEEL), 0.01)
        )
        guard = Placement((0, hub, z), (0, 90, 0), stretch=(0, 0, 0.04))
        shapes.append(ring(hub + 0.035, 0.022, guard, 62))
    return shapes


def watch(random: RandomSource) -> list[Shape]:
    """Return a wrist watch on edge: the strap loop stands on the floor, the round case faces the front."""
    loop, wide = random.uniform(0.36, 0.42), random.uniform(0.11, 0.15)
    case, deep = random.uniform(0.25, 0.3), random.uniform(0.055, 0.075)
    tall = loop + 0.045
    z = loop * 0.98
    angle = np.radians(random.uniform(0, 360))
    hand = (float(np.sin(angle)) * case * 0.5, tall + float(np.cos(angle)) * case * 0.5, z + deep + 0.02)
    mid = (0.0, tall, z + deep + 0.02)
    strap = Placement((0, tall, 0), (0, 90, 0), stretch=(0, 0, wide))
    return [
        ring(loop, 0.04, strap),
        frustum(case, case * 0.96, deep, Placement((0, tall, z), (90, 0, 0), material=STEEL), 0.03),
        frustum(
            case * 0.84, case * 0.84, 0.012, Placement((0, tall, z + deep), (90, 0, 0), material=LIGHT), 0.01
        ),
        rod(mid, (0.0, tall + case * 0.62, z + deep + 0.02), 0.026, Placement(material=DARK)),
        rod(mid, hand, 0.026, Placement(material=DARK)),
        frustum(0.05, 0.05, 0.045, Placement((case + 0.03, tall, z), (0, 0, 90), material=STEEL), 0.015),
    ]


Vector = tuple[float, float, float]


def bottle(random: RandomSource) -> list[Shape]:
    """Return a bottle with shoulder, neck, cap and, mostly, a label on its front."""
    wide, tall = random.uniform(0.22, 0.31), random.uniform(0.62, 0.8)
    neck, cap = random.uniform(0.095, 0.12), random.uniform(0.07, 0.1)
    shoulder = random.uniform(0.12, 0.22)
    top = tall + shoulder
    shapes = [
        frustum(wide, wide * random.uniform(0.92, 1.0), tall / 2, Placement((0, tall / 2, 0)), 0.05),
        frustum(
            wide * 0.93, neck, shoulder / 2, Placement((0, tall + shoulder / 2 - 0.03, 0), blend=0.1), 0.03
        ),
        frustum(neck, neck, 0.07, Placement((0, top + 0.02, 0), blend=0.05), 0.01),
        frustum(neck + 0.03, neck + 0.03, cap, Placement((0, top + 0.06 + cap, 0), material=DARK), 0.02),
    ]
    if random.random() < 0.7:
        # The label is a narrower cylinder, moved to the front.
        where = Placement((0, tall * 0.46, wide * 0.22), material=LIGHT)
        shapes.append(frustum(wide * 0.84, wide * 0.84, tall * 0.21, where, 0.01))
    return shapes


def mug(random: RandomSource) -> list[Shape]:
    """Return a hollow mug with a stout handle on its right."""
    wide, tall = random.uniform(0.36, 0.44), random.uniform(0.34, 0.46)
    base = wide * random.uniform(0.8, 1.0)
    handle = random.uniform(0.17, 0.21)
    grip = Placement((wide * 0.97, tall * 1.02, 0), (0, 0, -90), stretch=(tall * 0.18, 0, 0.025))
    return [
        ring(handle, 0.062, grip, 100),
        frustum(base, wide, tall, Placement((0, tall, 0), blend=0.03), 0.04),
        frustum(
            base - 0.07, wide - 0.065, tall, Placement((0, tall + 0.1, 0), material=INNER, cut=True), 0.01
        ),
    ]


def lamp(random: RandomSource) -> list[Shape]:
    """Return a desk lamp leaning to the front: round foot, bent arm, joints, hollow shade with a glowing bulb."""
    foot, knee = random.uniform(0.25, 0.31), random.uniform(-0.3, -0.14)
    low, high = random.uniform(0.42, 0.55), random.uniform(0.85, 1.0)
    head, tilt = random.uniform(0.12, 0.28), random.uniform(15, 40)
    shade = random.uniform(0.23, 0.29)
    arm = 0.042
    elbow, top = (0.0, low, knee), (0.0, high, head * 0.4)
    nod = np.radians(tilt)
    mouth = (0.0, high - 0.14 * float(np.cos(nod)), head * 0.4 + 0.2 * float(np.sin(nod)) + 0.06)
    return [
        frustum(shade, shade * 0.42, 0.17, Placement(mouth, (-tilt, 0, 0)), 0.02),
        frustum(shade - 0.04, shade * 0.3, 0.17, _place_below(mouth, tilt, 0.05), 0.01),
        frustum(foot, foot * 0.9, 0.045, Placement((0, 0.045, 0)), 0.03),
        rod((0, 0.06, 0), elbow, arm, Placement(material=STEEL)),
        rod(elbow, top, arm, Placement(material=STEEL)),
        ellipsoid((0.072, 0.072, 0.072), Placement(elbow, material=DARK)),
        ellipsoid((0.075, 0.075, 0.075), Placement(top, material=DARK)),
        ellipsoid((0.1, 0.1, 0.1), _place_below(mouth, tilt, 0.03, GLOW, False)),
    ]


def _place_below(at: Vector, tilt: float, drop: float, material: int = INNER, cut: bool = True) -> Placement:
    nod = np.radians(tilt)
    lower = (at[0], at[1] - drop * float(np.cos(nod)), at[2] + drop * float(np.sin(nod)))
    return Placement(lower, (-tilt, 0, 0), material=material, cut=cut)


def chair(random: RandomSource) -> list[Shape]:
    """Return a chair: four stout legs, seat, back rest."""
    wide, deep = random.uniform(0.28, 0.35), random.uniform(0.27, 0.33)
    seat, back = random.uniform(0.48, 0.56), random.uniform(0.28, 0.38)
    splay, lean = random.uniform(0.0, 0.07), random.uniform(4, 13)
    wood = STEEL if random.random() < 0.5 else BODY
    spread = Placement(material=wood)
    shapes = []
    for x in (-1, 1):
        for z in (-1, 1):
            foot = (x * (wide - 0.05 + splay), 0.045, z * (deep - 0.05 + splay))
            shapes.append(rod(foot, (x * (wide - 0.06), seat, z * (deep - 0.06)), 0.045, spread))
    behind = -deep + 0.03 - 0.12 * float(np.sin(np.radians(lean)))
    post = float(np.sin(np.radians(lean))) * (back + 0.2)
    for x in (-1, 1):
        low, high = (
            (x * (wide - 0.1), seat, -deep + 0.05),
            (x * (wide - 0.1), seat + back + 0.1, behind - post),
        )
        shapes.append(rod(low, high, 0.042, spread))
    rest = Placement((0, seat + back + 0.12, behind - post * 0.75), (-lean, 0, 0))
    shapes.append(box((wide, 0.045, deep), Placement((0, seat, 0)), 0.04))
    shapes.append(box((wide, back * random.uniform(0.55, 0.8), 0.045), rest, 0.04))
    return shapes


@dataclass(frozen=True)
class Product:
    """A product to draw: its name and its solid shapes."""

    name: str
    shapes: tuple[Shape, ...]

    def rows(self) -> NDArray[np.float32]:
        """Return the shapes as float32 (n, 25) for the tracer."""
        return np.stack([shape.row for shape in self.shapes])

    def extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper corner (3 each) of the product's bounding box."""
        return bounding_box(list(self.shapes))


PRODUCTS: dict[str, Callable[[RandomSource], list[Shape]]] = {
    "bottle": bottle,
    "mug": mug,
    "desk lamp": lamp,
    "speaker": speaker,
    "headphones": headphones,
    "electric scooter": scooter,
    "wrist watch": watch,
    "chair": chair,
}


class _NarrowRandom:
    """Random source that stays closer to the middle of every range and takes the likelier of two variants."""

    def __init__(self, random: np.random.Generator, spread: float) -> None:
        self._random, self._spread = random, spread

    def uniform(self, low: float, high: float) -> float:
        away = self._random.uniform(-0.5, 0.5) * self._spread
        return low + (high - low) * (0.5 + away)

    def random(self) -> float:
        return 0.5


def make_product(name: str, seed: int, spread: float = 1.0) -> Product:
    """Return a product with the proportions of a seed; `spread` (0..1): how far they vary from the middle."""
    random = np.random.default_rng([seed, list(PRODUCTS).index(name)])
    return Product(name, tuple(PRODUCTS[name](random if spread == 1.0 else _NarrowRandom(random, spread))))
