"""Shapes of bottle, mug, desk lamp and chair, standing on the floor, front towards +z."""

from __future__ import annotations

import numpy as np

from nanolab.shapes import (
    BODY,
    DARK,
    GLOW,
    INNER,
    LIGHT,
    STEEL,
    Draw,
    Place,
    Shape,
    box,
    ellipsoid,
    frustum,
    ring,
    rod,
)

Vector = tuple[float, float, float]


def bottle(random: Draw) -> list[Shape]:
    """Return a bottle with shoulder, neck, cap and, mostly, a label on its front."""
    wide, tall = random.uniform(0.22, 0.31), random.uniform(0.62, 0.8)
    neck, cap = random.uniform(0.095, 0.12), random.uniform(0.07, 0.1)
    shoulder = random.uniform(0.12, 0.22)
    top = tall + shoulder
    shapes = [
        frustum(wide, wide * random.uniform(0.92, 1.0), tall / 2, Place((0, tall / 2, 0)), 0.05),
        frustum(wide * 0.93, neck, shoulder / 2, Place((0, tall + shoulder / 2 - 0.03, 0), blend=0.1), 0.03),
        frustum(neck, neck, 0.07, Place((0, top + 0.02, 0), blend=0.05), 0.01),
        frustum(neck + 0.03, neck + 0.03, cap, Place((0, top + 0.06 + cap, 0), material=DARK), 0.02),
    ]
    if random.random() < 0.7:
        # The label is a narrower cylinder, moved to the front.
        where = Place((0, tall * 0.46, wide * 0.22), material=LIGHT)
        shapes.append(frustum(wide * 0.84, wide * 0.84, tall * 0.21, where, 0.01))
    return shapes


def mug(random: Draw) -> list[Shape]:
    """Return a hollow mug with a stout handle on its right."""
    wide, tall = random.uniform(0.36, 0.44), random.uniform(0.34, 0.46)
    base = wide * random.uniform(0.8, 1.0)
    handle = random.uniform(0.17, 0.21)
    grip = Place((wide * 0.97, tall * 1.02, 0), (0, 0, -90), stretch=(tall * 0.18, 0, 0.025))
    return [
        ring(handle, 0.062, grip, 100),
        frustum(base, wide, tall, Place((0, tall, 0), blend=0.03), 0.04),
        frustum(base - 0.07, wide - 0.065, tall, Place((0, tall + 0.1, 0), material=INNER, cut=True), 0.01),
    ]


def lamp(random: Draw) -> list[Shape]:
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
        frustum(shade, shade * 0.42, 0.17, Place(mouth, (-tilt, 0, 0)), 0.02),
        frustum(shade - 0.04, shade * 0.3, 0.17, _below(mouth, tilt, 0.05), 0.01),
        frustum(foot, foot * 0.9, 0.045, Place((0, 0.045, 0)), 0.03),
        rod((0, 0.06, 0), elbow, arm, Place(material=STEEL)),
        rod(elbow, top, arm, Place(material=STEEL)),
        ellipsoid((0.072, 0.072, 0.072), Place(elbow, material=DARK)),
        ellipsoid((0.075, 0.075, 0.075), Place(top, material=DARK)),
        ellipsoid((0.1, 0.1, 0.1), _below(mouth, tilt, 0.03, GLOW, False)),
    ]


def _below(at: Vector, tilt: float, drop: float, material: int = INNER, cut: bool = True) -> Place:
    nod = np.radians(tilt)
    lower = (at[0], at[1] - drop * float(np.cos(nod)), at[2] + drop * float(np.sin(nod)))
    return Place(lower, (-tilt, 0, 0), material=material, cut=cut)


def chair(random: Draw) -> list[Shape]:
    """Return a chair: four stout legs, seat, back rest."""
    wide, deep = random.uniform(0.28, 0.35), random.uniform(0.27, 0.33)
    seat, back = random.uniform(0.48, 0.56), random.uniform(0.28, 0.38)
    splay, lean = random.uniform(0.0, 0.07), random.uniform(4, 13)
    wood = STEEL if random.random() < 0.5 else BODY
    spread = Place(material=wood)
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
    rest = Place((0, seat + back + 0.12, behind - post * 0.75), (-lean, 0, 0))
    shapes.append(box((wide, 0.045, deep), Place((0, seat, 0)), 0.04))
    shapes.append(box((wide, back * random.uniform(0.55, 0.8), 0.045), rest, 0.04))
    return shapes
