"""Camera views of a product, and their G-buffer: all pixel data that does not depend on style or colour."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nanolab import gbuffer as tracer
from nanolab.products import Product
from nanolab.shapes import FLOOR

Floats = NDArray[np.float32]

# Azimuths of a catalogue's views, degrees: turned a little, so that front and side show depth.
USUAL = {"front": 11.0, "three-quarter": 40.0, "side": 77.0, "back": 146.0}


@dataclass(frozen=True)
class View:
    """Camera that looks at the product, and direction of the key light."""

    azimuth: float = 35.0  # degrees; 0 front, 90 the product's left side turned to the camera, 180 back
    elevation: float = 18.0  # degrees above the floor
    roll: float = 0.0  # degrees; the image content turns clockwise
    scale: float = 0.86  # longest side of the product over the shorter side of the frame
    x: float = 0.0  # product centre, in frame widths to the right of the middle
    y: float = 0.0  # product centre, in frame heights below the middle
    light: float = -40.0  # degrees around the product, from the camera; negative: from the left
    height: float = 50.0  # degrees of the light above the floor

    def word(self) -> str:
        """Return the view's name: front, three-quarter, side or back."""
        turn = abs((self.azimuth + 180.0) % 360.0 - 180.0)
        if turn < 22.5:
            return "front"
        if turn < 67.5:
            return "three-quarter"
        return "side" if turn < 112.5 else "back"


@dataclass(frozen=True)
class Buffer:
    """G-buffer: planes (h, w) of all pixel data that does not depend on style or colour."""

    view: View
    material: NDArray[np.uint8]  # material slot; FLOOR and NOTHING outside the product
    normal: Floats  # (h, w, 3), unit, scene axes, y up
    depth: Floats  # along the ray, scene units; inf in the background
    lit: Floats  # 0 in full shadow of the key light, 1 in full light
    open: Floats  # 1 in the open, less in corners (ambient occlusion)
    light: Floats  # (3,) unit vector towards the key light
    eye: Floats  # (h, w, 3) unit vectors from surface towards the camera
    upright: Floats  # (h, w, 2) pixel coordinates (-1..1 along the shorter side), without the camera's roll

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Mask (h, w), True on the product."""
        return self.material < FLOOR

    def bounds(self) -> tuple[slice, slice]:
        """Return the rows and columns of the product, two pixels wider; the whole frame if it is not visible."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if not len(rows):
            return slice(None), slice(None)
        return _span(rows), _span(columns)

    def part(self, window: tuple[slice, slice]) -> Buffer:
        """Crop the buffer to a window (rows, columns) of the frame."""
        planes = ("material", "normal", "depth", "lit", "open", "eye", "upright")
        return replace(self, **{name: getattr(self, name)[window] for name in planes})


def _span(found: NDArray[np.intp]) -> slice:
    return slice(max(int(found[0]) - 2, 0), int(found[-1]) + 3)


def _axes(view: View) -> NDArray[np.float64]:
    """Return the camera's axes without roll: rows right, up, forward (3, 3)."""
    a, e = np.radians(view.azimuth), np.radians(view.elevation)
    forward = -np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(right, forward), forward])


def _rolled(axes: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.stack([c * axes[0] + s * axes[1], -s * axes[0] + c * axes[1], axes[2]])


def _project(corners: NDArray[np.float64], axes: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    seen = corners @ axes.T
    flat = seen[:, :2] / seen[:, 2:]
    return flat.min(0), flat.max(0)


def look(product: Product, view: View, size: tuple[int, int]) -> Buffer:
    """Trace the product's G-buffer of (height, width) pixels."""
    height, width = size
    low, high = product.extent()
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low) / 2)
    axes = _axes(view)
    eye = middle - axes[2] * radius * 5.5
    grid = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    corners = low + grid * (high - low) - eye
    least, most = _project(corners, axes)
    focal = view.scale * min(height, width) / float((most - least).max())
    axes = _rolled(axes, view.roll)
    least, most = _project(corners, axes)
    aim = (least + most) / 2
    cx, cy = width * (0.5 + view.x) - focal * aim[0], height * (0.5 + view.y) + focal * aim[1]
    light = _light(view)
    ball = np.array([*middle, radius])
    camera = (eye, axes, focal, cx, cy)
    material, normal, depth, lit, clear = tracer.trace(product.rows(), *camera, light, ball, height, width)
    towards, upright = -_rays(axes, focal, cx, cy, size), _upright(view, size)
    return Buffer(view, material, normal, depth, lit, clear, light.astype(np.float32), towards, upright)


def _light(view: View) -> NDArray[np.float64]:
    a, h = np.radians(view.azimuth + view.light), np.radians(view.height)
    return np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)])


def _rays(axes: NDArray[np.float64], focal: float, cx: float, cy: float, size: tuple[int, int]) -> Floats:
    y, x = np.mgrid[0 : size[0], 0 : size[1]] + 0.5
    flat = np.stack([(x - cx) / focal, (cy - y) / focal, np.ones(size)], -1) @ axes
    return np.asarray(flat / np.linalg.norm(flat, axis=-1, keepdims=True), np.float32)


def _upright(view: View, size: tuple[int, int]) -> Floats:
    short = min(size)
    y, x = (np.mgrid[0 : size[0], 0 : size[1]] + 0.5).astype(np.float32)
    x, y = (2 * x - size[1]) / short, (2 * y - size[0]) / short
    c, s = np.cos(np.radians(view.roll)), np.sin(np.radians(view.roll))
    return np.stack([c * x + s * y, -s * x + c * y], -1).astype(np.float32)
