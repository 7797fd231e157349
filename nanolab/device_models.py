"""3D models of devices: speaker, headphones, electric scooter, wrist watch, alarm clock. Lengths as in products.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import trimesh

from nanolab.solids import arc, lathe, moved, ring, rounded_box, tube

# Part name, solid, name of its material in models.py.
Parts = Iterator[tuple[str, trimesh.Trimesh, str]]

FRONT = (90, 0, 0)  # turns a solid around y so that its top faces the front
SIDE = (0, 0, -90)  # and so that its top faces right


def speaker() -> Parts:
    """Yield the parts of a bookshelf loudspeaker."""
    wide, tall, deep, foot = 0.315, 0.49, 0.26, 0.02
    yield "body", moved(rounded_box((2 * wide, 2 * tall, 2 * deep), 0.06), y=tall + foot), "lacquer"
    large, small = 0.233, 0.117
    low, high = foot + tall * 0.72, foot + tall * 0.72 + large + small + 0.075
    for name, radius, height in (("woofer", large, low), ("tweeter", small, high)):
        bezel = [
            (radius, 0),
            (radius * 1.06, 0.0),
            (radius * 1.06, 0.012),
            (radius, 0.024),
            (radius * 0.92, 0.012),
        ]
        yield (
            f"{name} ring",
            moved(lathe([*bezel, (radius * 0.92, 0)], 0.004), y=height, z=deep, turn=FRONT),
            "aluminium",
        )
        cone = [
            (0, 0.004),
            (radius * 0.3, 0.0),
            (radius * 0.8, 0.016),
            (radius * 0.93, 0.012),
            (radius * 0.93, -0.01),
        ]
        yield f"{name} cone", moved(lathe([*cone, (0, -0.01)], 0.002), y=height, z=deep, turn=FRONT), "rubber"
        cap = [(0, 0), (radius * 0.34, 0), *arc((0, -radius * 0.34), radius * 0.5, 45, 90, 10)]
        yield f"{name} cap", moved(lathe(cap), y=height, z=deep, turn=FRONT), "aluminium"
    back = -deep
    yield "terminal plate", moved(rounded_box((0.3, 0.22, 0.03), 0.012), y=tall * 0.6, z=back), "rubber"
    port = [(0.085, 0), (0.125, 0), (0.125, 0.012), (0.105, 0.02), (0.085, 0.008)]
    yield "bass port", moved(lathe(port, 0.003), y=tall * 1.45, z=back, turn=(-90, 0, 0)), "aluminium"
    yield (
        "port inside",
        moved(
            lathe([(0, 0.002), (0.088, 0.002), (0.088, -0.01), (0, -0.01)]),
            y=tall * 1.45,
            z=back,
            turn=(-90, 0, 0),
        ),
        "rubber",
    )
    for side in (-1, 1):
        knob = [(0, 0), (0.032, 0), (0.036, 0.03), (0, 0.032)]
        name = "left terminal" if side < 0 else "right terminal"
        yield (
            name,
            moved(lathe(knob, 0.005), x=side * 0.075, y=tall * 0.6, z=back - 0.014, turn=(-90, 0, 0)),
            "aluminium",
        )
        for front in (-1, 1):
            place = "front" if front > 0 else "back"
            label = f"{'left' if side < 0 else 'right'} {place} foot"
            pad = lathe([(0, 0), (0.045, 0), (0.04, foot + 0.01), (0, foot + 0.01)], 0.004)
            yield label, moved(pad, x=side * 0.22, z=front * 0.17), "rubber"


def headphones() -> Parts:
    """Yield the parts of over-ear headphones that stand on their cups."""
    span, tall, cup, thick = 0.41, 0.64, 0.245, 0.088
    bow = [(span * np.cos(a), tall + span * np.sin(a), 0.0) for a in np.linspace(0.02, np.pi - 0.02, 48)]
    yield "headband", _band(bow, 0.028, 0.075), "lacquer"
    pad = [(x * 0.93, tall + (y - tall) * 0.93 - 0.006, 0.0) for x, y, _ in bow[10:-10]]
    yield "head pad", _band(pad, 0.022, 0.066), "rubber"
    for side in (-1.0, 1.0):
        name, x, y = ("left" if side < 0 else "right"), side * span, cup + 0.01
        yield f"{name} slider", tube([(x, tall + 0.05, 0), (x, y + cup * 0.9, 0)], 0.026), "aluminium"
        fork = [
            (x + side * 0.012, y + cup * 1.02 * np.cos(a), cup * 1.02 * np.sin(a))
            for a in np.linspace(-1.5, 1.5, 32)
        ]
        yield f"{name} yoke", tube(fork, 0.021), "aluminium"
        shell = [(0, -thick), (cup, -thick), (cup * 1.0, thick * 0.3), (cup * 0.88, thick), (0, thick)]
        yield f"{name} cup", moved(lathe(shell, 0.03), x=x, y=y, turn=(0, 0, -90 * side)), "lacquer"
        cap = [(0, 0), (cup * 0.6, 0), (cup * 0.56, 0.014), (0, 0.018)]
        yield (
            f"{name} cap",
            moved(lathe(cap, 0.004), x=x + side * thick, y=y, turn=(0, 0, -90 * side)),
            "aluminium",
        )
        cushion = moved(
            ring(cup * 0.7, cup * 0.19, width=0.07), x=x - side * (thick + 0.045), y=y, turn=(0, 0, 90)
        )
        yield f"{name} cushion", cushion, "rubber"
        mesh = lathe([(0, -0.01), (cup * 0.6, -0.01), (cup * 0.6, 0.01), (0, 0.01)])
        yield f"{name} mesh", moved(mesh, x=x - side * (thick + 0.02), y=y, turn=(0, 0, 90)), "dark fabric"


def _band(path: Sequence[tuple[float, ...]], thick: float, wide: float) -> trimesh.Trimesh:
    """Return a band with a rounded section along a path in the plane z = 0."""
    bar = tube(path, thick)
    bar.vertices[:, 2] *= wide / thick
    return bar


def scooter() -> Parts:
    """Yield the parts of an electric kick scooter that rides to the front."""
    base, wheel, tyre, tall, lean = 0.47, 0.142, 0.046, 1.05, 0.14
    hub = wheel + tyre
    head = (0.0, hub + 0.2, base - 0.05)
    top = (0.0, tall, base - lean)
    yield "deck", moved(rounded_box((0.24, 0.085, base * 1.42), 0.035), y=hub * 0.95, z=-0.05), "lacquer"
    yield (
        "grip tape",
        moved(rounded_box((0.18, 0.02, base * 1.22), 0.008), y=hub * 0.95 + 0.042, z=-0.06),
        "rubber",
    )
    neck = [
        (0, hub * 0.95, base * 0.5),
        (0, hub * 0.95 + 0.03, base * 0.68),
        (0, hub + 0.09, base * 0.83),
        head,
    ]
    yield "neck", tube(smooth(neck, 14), 0.046), "lacquer"
    yield "stem", tube([(0, hub + 0.09, base - 0.035), head, top], [0.05, 0.048, 0.04]), "lacquer"
    for side in (-1, 1):
        label = "left" if side < 0 else "right"
        yield (
            f"{label} fork",
            tube(
                [
                    (side * 0.065, hub, base),
                    (side * 0.065, hub + wheel, base - 0.012),
                    (side * 0.02, hub + 0.215, base - 0.03),
                ],
                0.022,
            ),
            "lacquer",
        )
        yield (
            f"{label} rear arm",
            tube([(side * 0.07, hub, -base), (side * 0.075, hub * 0.98, -base * 0.62)], 0.024),
            "lacquer",
        )
        grip = tube([(side * 0.17, tall, base - lean), (side * 0.3, tall, base - lean - 0.012)], 0.042)
        yield f"{label} grip", grip, "rubber"
        lever = [
            (side * 0.15, tall - 0.01, base - lean + 0.03),
            (side * 0.19, tall - 0.015, base - lean + 0.065),
            (side * 0.27, tall - 0.02, base - lean + 0.06),
        ]
        yield f"{label} lever", tube(lever, 0.012), "aluminium"
    yield "handlebar", tube([(-0.2, tall, base - lean), (0.2, tall, base - lean)], 0.034), "aluminium"
    yield (
        "display",
        moved(rounded_box((0.13, 0.06, 0.11), 0.024), y=tall + 0.035, z=base - lean + 0.005, turn=(18, 0, 0)),
        "rubber",
    )
    lamp = moved(
        lathe([(0, 0), (0.05, 0), (0.052, 0.03), (0.03, 0.045), (0, 0.045)], 0.006),
        y=tall - 0.13,
        z=base - lean + 0.055,
        turn=FRONT,
    )
    yield "headlight", lamp, "glass"
    yield (
        "tail light",
        moved(rounded_box((0.08, 0.03, 0.02), 0.008), y=hub + wheel + 0.05, z=-base - 0.11),
        "red glass",
    )
    for z, label in ((base, "front"), (-base, "rear")):
        yield f"{label} tyre", moved(ring(wheel, tyre), y=hub, z=z, turn=SIDE), "rubber"
        rim = [
            (0.03, -0.03),
            (wheel * 0.8, -0.03),
            (wheel * 0.8, 0.03),
            (0.03, 0.03),
            (0.03, 0.012),
            (wheel * 0.62, 0.012),
            (wheel * 0.62, -0.012),
            (0.03, -0.012),
        ]
        yield (
            f"{label} rim",
            moved(
                lathe(
                    [(0, y) if x == 0.03 and abs(y) == 0.012 else (x, y) for x, y in rim[1:3]]
                    + [
                        (wheel * 0.62, 0.03),
                        (wheel * 0.6, 0.014),
                        (0, 0.014),
                        (0, -0.014),
                        (wheel * 0.6, -0.014),
                        (wheel * 0.62, -0.03),
                    ],
                    0.004,
                ),
                y=hub,
                z=z,
                turn=SIDE,
            ),
            "aluminium",
        )
        yield (
            f"{label} hub",
            moved(
                lathe([(0, -0.075), (0.034, -0.075), (0.034, 0.075), (0, 0.075)], 0.01), y=hub, z=z, turn=SIDE
            ),
            "aluminium",
        )
        first, last = (20, 130) if z > 0 else (50, 165)
        guard = [
            (0.0, hub + (hub + 0.028) * np.sin(a), z + (hub + 0.028) * np.cos(a))
            for a in np.radians(np.linspace(first, last, 18))
        ]
        yield f"{label} mudguard", _strip(guard, 0.01, 0.062), "lacquer"


def smooth(points: Sequence[tuple[float, ...]], count: int = 24) -> list[tuple[float, ...]]:
    """Return points on a smooth curve through `points`."""
    from scipy.interpolate import PchipInterpolator

    places = np.array(points, np.float64)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))])
    return [tuple(place) for place in PchipInterpolator(along, places)(np.linspace(0, along[-1], count))]


def _strip(path: Sequence[tuple[float, ...]], thick: float, half: float) -> trimesh.Trimesh:
    """Return a strip of metal along a path in the plane x = 0."""
    bar = tube(path, thick)
    bar.vertices[:, 0] *= half / thick
    return bar


def watch() -> Parts:
    """Yield the parts of a wrist watch whose strap stands on the floor and whose dial faces the front."""
    loop, wide, case, deep = 0.39, 0.125, 0.275, 0.065
    tall, z = loop + 0.045, loop * 0.98
    strap = [
        (0.0, tall + loop * np.cos(a), loop * np.sin(a))
        for a in np.linspace(np.pi / 2 + 0.3, np.pi / 2 + 2 * np.pi - 0.3, 72)
    ]
    yield "strap", _strip([(0.0, y, depth) for _, y, depth in strap], 0.034, wide), "leather"
    body = [
        (0, -deep),
        (case * 0.94, -deep),
        (case, -deep * 0.4),
        (case, deep * 0.4),
        (case * 0.95, deep),
        (0, deep),
    ]
    yield "case", moved(lathe(body, 0.014), y=tall, z=z, turn=FRONT), "aluminium"
    bezel = [
        (case * 0.84, 0),
        (case * 0.96, 0),
        (case * 0.93, 0.03),
        (case * 0.86, 0.034),
        (case * 0.84, 0.02),
    ]
    yield "bezel", moved(lathe(bezel, 0.004), y=tall, z=z + deep - 0.002, turn=FRONT), "aluminium"
    front = z + deep
    yield (
        "dial",
        moved(
            lathe([(0, -0.01), (case * 0.85, -0.01), (case * 0.85, 0.008), (0, 0.008)]),
            y=tall,
            z=front,
            turn=FRONT,
        ),
        "white enamel",
    )
    for hour in range(12):
        angle = np.radians(30 * hour)
        size = (0.02, 0.062, 0.012) if hour % 3 == 0 else (0.013, 0.04, 0.012)
        place = (case * 0.7 * float(np.sin(angle)), tall + case * 0.7 * float(np.cos(angle)))
        yield (
            f"mark {hour or 12}",
            moved(rounded_box(size, 0.004), *place, front + 0.01, (0, 0, -30 * hour)),
            "rubber",
        )
    for name, angle, length, thick in (("hour hand", -55.0, 0.42, 0.02), ("minute hand", 60.0, 0.66, 0.015)):
        far = np.radians(angle)
        tip = (case * length * float(np.sin(far)), tall + case * length * float(np.cos(far)), front + 0.02)
        yield name, tube([(0, tall, front + 0.02), tip], [thick, thick * 0.7]), "rubber"
    yield (
        "pinion",
        moved(lathe([(0, 0), (0.024, 0), (0.024, 0.03), (0, 0.03)], 0.005), y=tall, z=front, turn=FRONT),
        "aluminium",
    )
    yield (
        "crown",
        moved(
            lathe([(0, 0), (0.045, 0), (0.045, 0.06), (0, 0.06)], 0.01),
            x=case - 0.005,
            y=tall,
            z=z,
            turn=SIDE,
        ),
        "aluminium",
    )
    for side in (-1, 1):
        yield (
            f"{'upper' if side > 0 else 'lower'} lugs",
            moved(rounded_box((2 * wide + 0.03, 0.1, 0.08), 0.03), y=tall + side * case * 0.93, z=z - 0.03),
            "aluminium",
        )


def clock() -> Parts:
    """Yield the parts of an alarm clock with two bells."""
    radius, deep, tall = 0.38, 0.15, 0.52
    case = [(0, -deep), (radius * 0.9, -deep), (radius, -deep * 0.6), (radius, deep), (0, deep)]
    yield "case", moved(lathe(case, 0.025), y=tall, turn=FRONT), "lacquer"
    rim = [
        (radius * 0.86, 0),
        (radius * 1.03, 0),
        (radius * 1.03, 0.035),
        (radius * 0.9, 0.045),
        (radius * 0.86, 0.02),
    ]
    yield "rim", moved(lathe(rim, 0.006), y=tall, z=deep - 0.012, turn=FRONT), "aluminium"
    yield (
        "dial",
        moved(
            lathe([(0, -0.01), (radius * 0.88, -0.01), (radius * 0.88, 0.006), (0, 0.006)], 0),
            y=tall,
            z=deep,
            turn=FRONT,
        ),
        "white enamel",
    )
    for hour in range(12):
        angle = np.radians(30 * hour)
        size = (0.026, 0.075, 0.012) if hour % 3 == 0 else (0.016, 0.045, 0.012)
        place = (radius * 0.72 * float(np.sin(angle)), tall + radius * 0.72 * float(np.cos(angle)))
        yield (
            f"mark {hour or 12}",
            moved(rounded_box(size, 0.004), *place, deep + 0.008, (0, 0, -30 * hour)),
            "rubber",
        )
    for name, angle, length, thick in (
        ("hour hand", -58.0, 0.42, 0.024),
        ("minute hand", 62.0, 0.64, 0.018),
        ("alarm hand", 180.0, 0.34, 0.011),
    ):
        far = np.radians(angle)
        tip = (
            radius * length * float(np.sin(far)),
            tall + radius * length * float(np.cos(far)),
            deep + 0.022,
        )
        yield name, tube([(0, tall, deep + 0.022), tip], [thick, thick * 0.6]), "rubber"
    for side in (-1, 1):
        label = "left" if side < 0 else "right"
        bell = [
            (0, 0.13),
            *[(0.15 * np.cos(a), 0.13 * np.sin(a)) for a in np.linspace(np.pi / 2, 0, 9)][1:],
            (0.13, 0),
            (0.0, 0.09),
        ]
        top = (side * 0.2, tall + radius * 0.96)
        yield f"{label} bell", moved(lathe(bell, 0.003), *top, turn=(0, 0, -28 * side)), "aluminium"
        yield (
            f"{label} bell post",
            tube(
                [(side * 0.15, tall + radius * 0.8, 0), (side * 0.235, tall + radius * 0.96 + 0.13, 0)], 0.018
            ),
            "aluminium",
        )
        foot = [(side * 0.2, tall - radius * 0.8, 0.02), (side * 0.29, 0.03, 0.05)]
        yield f"{label} foot", tube(foot, [0.032, 0.026]), "aluminium"
    hammer = [(0, tall + radius * 0.9, 0), (0, tall + radius + 0.11, 0)]
    yield "hammer", tube(hammer, 0.014), "aluminium"
    yield "hammer head", moved(rounded_box((0.12, 0.05, 0.05), 0.018), y=tall + radius + 0.12), "aluminium"
    handle = [
        (0.2 * np.cos(a), tall + radius + 0.1 + 0.22 * np.sin(a), -0.02)
        for a in np.linspace(0.25, np.pi - 0.25, 32)
    ]
    yield "handle", tube(handle, 0.022), "aluminium"
    yield "key", moved(rounded_box((0.14, 0.05, 0.04), 0.016), y=tall, z=-deep - 0.05), "aluminium"
