"""3D models of things of a household: mug, bottle, kettle, desk lamp, chair. Lengths as in products.py."""

from __future__ import annotations

import numpy as np

from nanolab.device_models import Parts, smooth
from nanolab.solids import arc, lathe, moved, ring, rounded_box, tube


def mug() -> Parts:
    """Yield the parts of a mug with its handle on the right."""
    base, wide, tall = 0.36, 0.4, 0.8
    inner = [(wide - 0.045, tall), (base - 0.055, 0.09), (0, 0.075)]
    wall = [(0, 0.03), (base - 0.05, 0.0), (base, 0.03), (wide, tall), *inner]
    yield "body", lathe(wall, 0.018), "ceramic"
    grip = [
        (wide - 0.03, tall * 0.8),
        (wide + 0.12, tall * 0.8),
        (wide + 0.22, tall * 0.62),
        (wide + 0.2, tall * 0.4),
        (wide + 0.09, tall * 0.23),
        (base + 0.0, tall * 0.2),
    ]
    handle = tube(smooth([(x, y, 0.0) for x, y in grip], 36), 0.04)
    handle.vertices[:, 2] *= 1.5
    yield "handle", handle, "ceramic"
    foot = [(0, -0.018), (base - 0.08, -0.018), (base - 0.06, 0.01), (0, 0.01)]
    yield "foot", moved(lathe(foot, 0.005), y=0.018), "cork"


def bottle() -> Parts:
    """Yield the parts of a drinking bottle with a cap and a label."""
    wide, tall, neck, shoulder = 0.265, 0.71, 0.108, 0.17
    wall = [
        (0, 0),
        (wide * 0.9, 0),
        (wide, 0.05),
        (wide * 0.97, tall),
        (neck + 0.02, tall + shoulder),
        (neck, tall + shoulder + 0.03),
        (neck, tall + shoulder + 0.1),
        (0, tall + shoulder + 0.1),
    ]
    yield "body", lathe(wall, 0.035), "lacquer"
    collar = [(neck, 0), (neck + 0.03, 0), (neck + 0.03, 0.025), (neck, 0.025)]
    yield "collar", moved(lathe(collar, 0.006), y=tall + shoulder + 0.045), "aluminium"
    cap = [(0, 0), (neck + 0.032, 0), (neck + 0.034, 0.14), (neck - 0.01, 0.165), (0, 0.165)]
    yield "cap", moved(lathe(cap, 0.014), y=tall + shoulder + 0.075), "rubber"
    loop = [
        (0.075 * np.cos(a), tall + shoulder + 0.235 + 0.075 * np.sin(a), 0.0)
        for a in np.linspace(0, np.pi, 24)
    ]
    yield "carry loop", tube(loop, 0.016), "aluminium"
    label = [(wide * 0.965, 0.0), (wide * 1.008, 0.0), (wide * 1.0, 0.27), (wide * 0.965, 0.27)]
    yield "label", moved(lathe(label, 0.002), y=tall * 0.27), "white enamel"
    yield "base ring", lathe([(0, -0.0), (wide * 0.86, 0.0), (wide * 0.9, 0.03), (0, 0.03)], 0.004), "rubber"


def kettle() -> Parts:
    """Yield the parts of a water kettle with its spout on the left."""
    wall = [(0, 0.03), (0.4, 0.03), (0.43, 0.08), (0.4, 0.3), (0.31, 0.56), (0.2, 0.68), (0, 0.7)]
    yield "body", lathe(wall, 0.05), "enamel"
    yield "base", lathe([(0, 0), (0.4, 0), (0.42, 0.03), (0.41, 0.06), (0, 0.06)], 0.01), "rubber"
    lid = [(0, 0.66), (0.215, 0.66), (0.21, 0.7), *arc((0, 0.5), 0.255, 52, 90, 10)]
    yield "lid", lathe(lid, 0.008), "enamel"
    yield "lid rim", moved(ring(0.216, 0.012), y=0.675), "aluminium"
    yield (
        "knob",
        moved(
            lathe([(0, 0), (0.025, 0), (0.022, 0.03), (0.055, 0.055), (0.05, 0.085), (0, 0.095)], 0.012),
            y=0.75,
        ),
        "wood",
    )
    spout = smooth(
        [(-0.33, 0.3, 0.0), (-0.46, 0.38, 0.0), (-0.54, 0.52, 0.0), (-0.6, 0.64, 0.0), (-0.68, 0.68, 0.0)], 28
    )
    yield "spout", tube(spout, np.linspace(0.095, 0.05, 28).tolist()), "enamel"
    bow = smooth(
        [
            (0.27, 0.58, 0.0),
            (0.31, 0.76, 0.0),
            (0.22, 0.95, 0.0),
            (0.0, 1.02, 0.0),
            (-0.22, 0.95, 0.0),
            (-0.31, 0.76, 0.0),
            (-0.27, 0.58, 0.0),
        ],
        60,
    )
    yield "handle", tube(bow, 0.02), "aluminium"
    grip = [point for point in bow if abs(point[0]) < 0.19 and point[1] > 0.9]
    yield "grip", tube(grip, 0.042), "wood"
    for side in (-1, 1):
        name = "left hinge" if side < 0 else "right hinge"
        yield (
            name,
            moved(
                lathe([(0, -0.03), (0.03, -0.03), (0.03, 0.03), (0, 0.03)], 0.008),
                x=side * 0.275,
                y=0.58,
                turn=(90, 0, 0),
            ),
            "aluminium",
        )


def lamp() -> Parts:
    """Yield the parts of a desk lamp that leans to the front."""
    foot, knee, low, high, head, tilt, shade = 0.28, -0.22, 0.49, 0.93, 0.2, 27.0, 0.26
    elbow, top = (0.0, low, knee), (0.0, high, head * 0.4)
    nod = np.radians(tilt)
    yield (
        "foot",
        lathe([(0, 0), (foot, 0), (foot * 0.96, 0.06), (foot * 0.3, 0.09), (0, 0.09)], 0.018),
        "lacquer",
    )
    for side in (-1, 1):
        x = side * 0.035
        yield (
            f"{'left' if side < 0 else 'right'} lower arm",
            tube([(x, 0.06, 0), (x, low, knee)], 0.019),
            "aluminium",
        )
        yield (
            f"{'left' if side < 0 else 'right'} upper arm",
            tube([(x, low, knee), (x, high, head * 0.4)], 0.019),
            "aluminium",
        )
    joint = lathe([(0, -0.065), (0.05, -0.065), (0.05, 0.065), (0, 0.065)], 0.014)
    yield "base joint", moved(joint, y=0.1, turn=(0, 0, 90)), "rubber"
    yield "elbow", moved(joint, *elbow, (0, 0, 90)), "rubber"
    yield "head joint", moved(joint, *top, (0, 0, 90)), "rubber"
    mouth = (0.0, high - 0.14 * float(np.cos(nod)), head * 0.4 + 0.2 * float(np.sin(nod)) + 0.06)
    hood = [
        (shade, -0.17),
        (shade * 0.44, 0.17),
        (shade * 0.2, 0.2),
        (0, 0.2),
        (0, 0.175),
        (shade * 0.2, 0.175),
        (shade * 0.4, 0.15),
        (shade - 0.022, -0.17),
    ]
    yield "shade", moved(lathe(hood, 0.006), *mouth, (-tilt, 0, 0)), "lacquer"
    socket = lathe([(0, 0.06), (0.055, 0.06), (0.055, 0.17), (0, 0.17)], 0.01)
    yield "socket", moved(socket, *mouth, (-tilt, 0, 0)), "white enamel"
    bulb = lathe([(0, -0.1), *arc((0, -0.01), 0.095, -85, 60, 18), (0.045, 0.08), (0, 0.08)], 0.004)
    yield "bulb", moved(bulb, *mouth, (-tilt, 0, 0)), "glass"
    stub = [
        (0.0, high, head * 0.4),
        (0.0, mouth[1] + 0.16 * float(np.cos(nod)), mouth[2] - 0.16 * float(np.sin(nod))),
    ]
    yield "neck", tube(stub, 0.026), "aluminium"
    yield (
        "switch",
        moved(
            lathe([(0, 0), (0.03, 0), (0.028, 0.025), (0, 0.025)], 0.006),
            x=0.0,
            y=0.055,
            z=foot * 0.7,
            turn=(20, 0, 0),
        ),
        "rubber",
    )


def chair() -> Parts:
    """Yield the parts of a chair with four splayed legs."""
    wide, deep, seat, back, splay = 0.315, 0.3, 0.52, 0.33, 0.04
    for x in (-1, 1):
        for z in (-1, 1):
            name = f"{'front' if z > 0 else 'rear'} {'left' if x < 0 else 'right'} leg"
            low = (x * (wide - 0.05 + splay), 0.03, z * (deep - 0.05 + splay))
            high = (x * (wide - 0.07), seat - 0.02, z * (deep - 0.07))
            yield name, tube([low, high], [0.027, 0.04]), "wood"
    for z in (-1, 1):
        bar = [
            (-wide + 0.06, seat * 0.42, z * (deep - 0.05 + splay * 0.6)),
            (wide - 0.06, seat * 0.42, z * (deep - 0.05 + splay * 0.6)),
        ]
        yield "front rail" if z > 0 else "rear rail", tube(bar, 0.018), "wood"
    cushion = rounded_box((2 * wide, 0.085, 2 * deep), 0.038)
    yield "seat", moved(cushion, y=seat), "lacquer"
    lean = np.radians(9.0)
    for x in (-1, 1):
        low = (x * (wide - 0.09), seat, -deep + 0.05)
        high = (x * (wide - 0.09), seat + back + 0.2, -deep + 0.05 - (back + 0.2) * float(np.tan(lean)))
        yield f"{'left' if x < 0 else 'right'} post", tube([low, high], 0.03), "wood"
    rest = rounded_box((2 * wide, back * 1.1, 0.075), 0.034)
    bend = rest.vertices[:, 0] / wide
    rest.vertices[:, 2] += 0.05 * (bend * bend - 0.4)
    place = seat + back + 0.06
    yield (
        "back rest",
        moved(rest, y=place, z=-deep + 0.085 - (place - seat) * float(np.tan(lean)), turn=(-9, 0, 0)),
        "lacquer",
    )
