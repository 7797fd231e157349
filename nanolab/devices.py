"""Shapes of speaker, headphones, electric scooter and wrist watch, standing on the floor, front towards +z."""

from __future__ import annotations

import numpy as np

from nanolab.shapes import (
    DARK,
    GLOW,
    LIGHT,
    STEEL,
    Draw,
    Place,
    Shape,
    box,
    capsule,
    ellipsoid,
    frustum,
    ring,
    rod,
)


def speaker(random: Draw) -> list[Shape]:
    """Return a loudspeaker: a box with two cones on its front, a port and two terminals on its back."""
    wide, tall, deep = random.uniform(0.27, 0.36), random.uniform(0.42, 0.56), random.uniform(0.22, 0.3)
    large = wide * random.uniform(0.68, 0.8)
    small = large * random.uniform(0.42, 0.58)
    shapes = [box((wide, tall, deep), Place((0, tall + 0.02, 0)), random.uniform(0.03, 0.09))]
    for radius, height in ((large, tall * 0.72), (small, tall * 0.72 + large + small + 0.05)):
        shapes += _cone(radius, height, deep)
    plate = Place((0, tall * 0.55, -deep), material=DARK)
    port = Place((0, tall * 1.4, -deep), (90, 0, 0), material=DARK)
    shapes += [box((wide * 0.5, tall * 0.24, 0.015), plate, 0.01), frustum(small, small, 0.012, port, 0.005)]
    shapes.append(ring(small, 0.026, Place((0, tall * 1.4, -deep), material=STEEL)))
    for side in (-1, 1):
        knob = Place((side * wide * 0.24, tall * 0.55, -deep - 0.02), material=STEEL)
        shapes.append(ellipsoid((0.05, 0.05, 0.04), knob))
    return shapes


def _cone(radius: float, height: float, front: float) -> list[Shape]:
    rim = Place((0, height, front + 0.005), material=STEEL)
    dish = Place((0, height, front), (90, 0, 0), material=DARK)
    hub = Place((0, height, front - 0.01), material=STEEL)
    return [
        frustum(radius, radius, 0.012, dish, 0.005),
        ring(radius * 0.96, 0.026, rim),
        ellipsoid((radius * 0.36, radius * 0.36, 0.06), hub),
    ]


def headphones(random: Draw) -> list[Shape]:
    """Return headphones standing on their cups: the band arches over them, the cups face outward along x."""
    span, tall = random.uniform(0.38, 0.44), random.uniform(0.58, 0.7)
    cup, thick = random.uniform(0.22, 0.27), random.uniform(0.075, 0.1)
    wide = random.uniform(0.03, 0.06)
    band = Place((0, tall, 0), stretch=(0, 0, wide))
    shapes = [ring(span, 0.052, band, 92)]
    for side in (-1.0, 1.0):
        x = side * span
        arm = Place((0, 0, 0), material=STEEL)
        shapes += [
            rod((x, tall + 0.02, 0), (x, cup + 0.04, 0), 0.05, arm),
            frustum(cup, cup * 0.92, thick, Place((x, cup + 0.01, 0), (0, 0, -90 * side)), 0.05),
            frustum(cup * 0.86, cup * 0.86, 0.06, _pad(x - side * (thick + 0.03), cup), 0.05),
            frustum(cup * 0.5, cup * 0.46, 0.02, _cap(x + side * thick, cup, side), 0.01),
        ]
    return shapes


def _pad(x: float, cup: float) -> Place:
    return Place((x, cup + 0.01, 0), (0, 0, 90), material=DARK)


def _cap(x: float, cup: float, side: float) -> Place:
    return Place((x, cup + 0.01, 0), (0, 0, -90 * side), material=LIGHT)


def scooter(random: Draw) -> list[Shape]:
    """Return an electric scooter: deck, two wheels, leaning stem, handlebar, mudguard, headlight; it rides to +z."""
    base, wheel = random.uniform(0.42, 0.52), random.uniform(0.125, 0.16)
    tall, lean = random.uniform(0.95, 1.15), random.uniform(0.1, 0.18)
    tyre = 0.048
    hub = wheel + tyre
    top = (0.0, tall, base - lean)
    shapes = [
        box((0.12, 0.045, base * 0.74), Place((0, hub * 0.95, -0.05)), 0.03),
        box((0.085, 0.012, base * 0.62), Place((0, hub * 0.95 + 0.045, -0.06), material=DARK), 0.01),
        rod((0, hub + 0.02, base), top, 0.05, Place()),
        rod((0, hub * 0.95, base * 0.55), (0, hub + 0.17, base - 0.04), 0.05, Place(blend=0.04)),
        rod((0, hub, -base), (0, hub * 0.95, -base * 0.6), 0.055, Place(blend=0.03)),
        rod((-0.25, tall, base - lean), (0.25, tall, base - lean), 0.042, Place(material=STEEL)),
        ellipsoid((0.065, 0.06, 0.065), Place(top, material=DARK)),
        ellipsoid((0.06, 0.06, 0.05), Place((0, tall - 0.13, base - lean + 0.065), material=GLOW)),
    ]
    for side in (-1, 1):
        shapes.append(
            capsule(0.052, 0.06, Place((0.25 * side, tall, base - lean), (0, 0, 90), material=DARK))
        )
    for z in (-base, base):
        shapes.append(ring(wheel, tyre, Place((0, hub, z), (0, 90, 0), material=DARK)))
        shapes.append(frustum(wheel * 0.72, wheel * 0.72, 0.04, Place((0, hub, z), (0, 0, 90), STEEL), 0.01))
        guard = Place((0, hub, z), (0, 90, 0), stretch=(0, 0, 0.04))
        shapes.append(ring(hub + 0.035, 0.022, guard, 62))
    return shapes


def watch(random: Draw) -> list[Shape]:
    """Return a wrist watch on edge: the strap loop stands on the floor, the round case faces the front."""
    loop, wide = random.uniform(0.36, 0.42), random.uniform(0.11, 0.15)
    case, deep = random.uniform(0.25, 0.3), random.uniform(0.055, 0.075)
    tall = loop + 0.045
    z = loop * 0.98
    angle = np.radians(random.uniform(0, 360))
    hand = (float(np.sin(angle)) * case * 0.5, tall + float(np.cos(angle)) * case * 0.5, z + deep + 0.02)
    mid = (0.0, tall, z + deep + 0.02)
    strap = Place((0, tall, 0), (0, 90, 0), stretch=(0, 0, wide))
    return [
        ring(loop, 0.04, strap),
        frustum(case, case * 0.96, deep, Place((0, tall, z), (90, 0, 0), material=STEEL), 0.03),
        frustum(
            case * 0.84, case * 0.84, 0.012, Place((0, tall, z + deep), (90, 0, 0), material=LIGHT), 0.01
        ),
        rod(mid, (0.0, tall + case * 0.62, z + deep + 0.02), 0.026, Place(material=DARK)),
        rod(mid, hand, 0.026, Place(material=DARK)),
        frustum(0.05, 0.05, 0.045, Place((case + 0.03, tall, z), (0, 0, 90), material=STEEL), 0.015),
    ]
