"""Pencil sketches and colour marker renderings, drawn from a G-buffer with hand-drawn lines and hatching.

No line is thinner than three pixels of 256.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from nanolab.gbuffer import GBuffer
from nanolab.photo import LAMP_COLORS, marker_strokes, material_colors, random_lamps, sigmoid
from nanolab.shapes import DARK, GLOW

Floats = NDArray[np.float32]

Rgb = NDArray[np.uint8]


def _clay_tone(buffer: GBuffer) -> Floats:
    """Return the brightness (h, w), 0..1, of an unpainted product under the key light."""
    diffuse = np.clip((buffer.normal * buffer.light).sum(-1), 0, 1) * buffer.lit
    return np.asarray((0.3 + 0.7 * diffuse) * (0.45 + 0.55 * buffer.open), np.float32)


def _soft(plane: NDArray[np.generic], sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane.astype(np.float32), (0, 0), sigma), np.float32)


def render_pencil(buffer: GBuffer, seed: int) -> Rgb:
    """Draw a graphite sketch on white paper, uint8 RGB (h, w, 3): repeated outlines, cross hatching in the shade."""
    random = np.random.default_rng(seed)
    size, unit = buffer.material.shape, buffer.material.shape[0] / 256
    outline, inner = find_contours(buffer)
    tone = np.where(buffer.mask, _clay_tone(buffer), 1.0)
    tone = np.where(buffer.mask & (buffer.material == DARK), tone * 0.45, tone)
    fallen = _soft(np.where(buffer.mask, 0.0, 1 - buffer.lit * buffer.open), 2.0 * unit)
    shade = _soft(np.where(buffer.mask, np.clip(1.25 * (0.85 - tone), 0, 1), 0.0), 1.2 * unit)
    angle = random.uniform(-58, -38)
    marks = 0.5 * draw_hatching(shade, angle, 8.0 * unit, random) + 0.2 * shade
    marks += 0.3 * draw_hatching(np.clip(shade - 0.5, 0, 1) * 1.8, angle + 40, 9.5 * unit, random)
    marks += 0.34 * draw_hatching(fallen * 0.9, random.uniform(-14, 8), 8.0 * unit, random) + 0.1 * fallen
    drawn = 0.85 * draw_lines(outline, 3.0 * unit) + 0.6 * draw_lines(inner, 2.6 * unit)
    again = 0.3 * draw_lines(distort_by_hand(outline, random, 5.0 * unit), 2.4 * unit)
    dark = np.clip(
        distort_by_hand(marks, random, 2.0 * unit) + distort_by_hand(drawn, random, 1.2 * unit) + again,
        0,
        0.93,
    )
    bright = paper_grain((size[0], size[1]), random) * (1 - dark)
    tint = (
        np.array([253, 252, 249], np.float32) * bright[..., None] + np.array([44, 44, 50]) * dark[..., None]
    )
    return np.asarray(np.clip(tint, 0, 255), np.uint8)


def render_marker(buffer: GBuffer, body: tuple[int, int, int], finish: str, backdrop: str, seed: int) -> Rgb:
    """Draw a marker rendering, uint8 RGB (h, w, 3): three flat tones with strokes, white highlights, ink outline."""
    random = np.random.default_rng(seed)
    unit = buffer.material.shape[0] / 256
    size = (buffer.material.shape[0], buffer.material.shape[1])
    scene = _marker_backdrop(buffer, backdrop, random, unit)
    fallen = _soft(np.where(buffer.mask, 0.0, 1 - buffer.lit * (0.4 + 0.6 * buffer.open)), 1.0 * unit)
    shadow = np.clip((fallen - 0.35) * 5, 0, 1)[..., None] * np.where(buffer.mask, 0.0, 1.0)[..., None]
    scene = scene * (1 - 0.36 * shadow)
    color = material_colors(body)[buffer.material].astype(np.float32)
    window = buffer.bounds()
    part, streaks = buffer.crop(window), marker_strokes(size, random.uniform(-66, -48), 11.0 * unit, random)
    fill = _marker_fill(part, color[window], finish, streaks[window], unit)
    scene[window] = np.where(part.mask[..., None], fill, scene[window])
    outline, inner = find_contours(buffer)
    inked = np.maximum(draw_lines(outline, 3.6 * unit), 0.75 * draw_lines(inner, 2.6 * unit))
    dark = np.clip(distort_by_hand(inked, random, 0.8 * unit), 0, 0.96)[..., None]
    return np.asarray(np.clip(scene * (1 - dark) + np.array([24, 22, 30]) * dark, 0, 255), np.uint8)


def _marker_fill(buffer: GBuffer, color: Floats, finish: str, stroke: Floats, unit: float) -> Floats:
    """Return the product's flat marker tones (h, w, 3), 0..255, without the ink outline."""
    tone = _soft(_clay_tone(buffer), 0.8 * unit)
    rough = tone + 0.025 * stroke
    level = 0.5 + 0.26 * sigmoid((rough - 0.4) * 60) + 0.24 * sigmoid((rough - 0.68) * 60)
    lift = np.clip(level, 0, 1)[..., None]
    base = np.maximum(color, 34.0)  # black markers are dark grey, so that forms stay readable
    fill = base * lift + (1 - lift) * base * np.array([0.32, 0.3, 0.42])
    fill = fill * (1 - 0.075 * stroke[..., None])
    half = buffer.light + buffer.eye
    half = half / (np.linalg.norm(half, axis=-1, keepdims=True) + 1e-6)
    facing = np.clip((buffer.normal * half).sum(-1), 0, 1)
    reach = {"matte": 0.992, "glossy": 0.975, "metal": 0.962}[finish]
    gleam = _soft((facing > reach) & (buffer.lit > 0.5), 1.0 * unit)[..., None]
    strong = {"matte": 0.45, "glossy": 0.95, "metal": 0.85}[finish]
    fill = fill + (255 - fill) * gleam * strong
    glow = (buffer.material == GLOW)[..., None]
    return np.asarray(np.where(glow, color, fill), np.float32)


def _marker_backdrop(buffer: GBuffer, backdrop: str, random: np.random.Generator, unit: float) -> Floats:
    """Draw the backdrop in marker strokes, float32 (h, w, 3), 0..255."""
    size = (buffer.material.shape[0], buffer.material.shape[1])
    x, y = buffer.upright[..., 0], buffer.upright[..., 1]
    roll = buffer.view.roll
    if backdrop == "white":
        return np.asarray(252.0 * paper_grain(size, random)[..., None] * np.ones(3), np.float32)
    if backdrop == "grey":
        stroke = marker_strokes(size, 90 + roll + random.uniform(-8, 8), 20.0 * unit, random)
        level = np.interp(y, [-1, 1], [132, 196])[..., None] * np.array([0.99, 1.0, 1.02])
        return np.asarray(level * (1 - 0.05 * stroke[..., None]), np.float32)
    stroke = marker_strokes(size, roll + random.uniform(-4, 4), 16.0 * unit, random)
    if backdrop == "sunset":
        return _marker_sunset(y + 0.045 * stroke, stroke, random)
    return _marker_city(x, y, stroke, random)


def _marker_sunset(y: Floats, stroke: Floats, random: np.random.Generator) -> Floats:
    bands = np.array(
        [[104, 70, 146], [186, 88, 140], [242, 122, 96], [255, 178, 98], [152, 98, 88], [122, 78, 82]]
    )
    edges = np.array([-0.75, -0.42, -0.16, 0.1, 0.55]) + random.uniform(-0.06, 0.06)
    scene = np.broadcast_to(bands[0].astype(float), (*y.shape, 3))
    for color, at in zip(bands[1:], edges, strict=True):
        share = sigmoid((y - at) * 70)[..., None]
        scene = scene * (1 - share) + color * share
    return np.asarray(scene * (1 - 0.05 * stroke[..., None]), np.float32)


def _marker_city(x: Floats, y: Floats, stroke: Floats, random: np.random.Generator) -> Floats:
    level = np.interp(y, [-1, 0.15, 1], [0.85, 1.15, 0.7])[..., None]
    scene = np.array([40, 38, 92]) * level * (1 - 0.1 * stroke[..., None])
    for lamp in random_lamps(random):
        inside = sigmoid((0.7 * lamp[2] - np.hypot(x - lamp[0], y - lamp[1])) * 70)[..., None]
        color = np.array(LAMP_COLORS[int(lamp[3] * 97) % len(LAMP_COLORS)])
        scene = scene * (1 - 0.9 * inside) + color * 0.9 * inside
    return np.asarray(scene, np.float32)


def _blur(plane: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _neighbor_difference(plane: Floats) -> Floats:
    """Return the larger difference (h, w) between a pixel and its right and lower neighbour."""
    across = np.abs(np.diff(plane, axis=1, append=plane[:, -1:]))
    down = np.abs(np.diff(plane, axis=0, append=plane[-1:]))
    return np.asarray(np.maximum(across, down), np.float32)


def distort_by_hand(plane: Floats, random: np.random.Generator, far: float) -> Floats:
    """Shift the pixels of a plane (h, w) by up to `far` pixels along slow waves, as by an unsteady hand."""
    height, width = plane.shape[:2]
    coarse = random.uniform(-far, far, (2, 7, 7)).astype(np.float32)
    shift = [cv2.resize(side, (width, height), interpolation=cv2.INTER_CUBIC) for side in coarse]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(
        cv2.remap(plane, x + shift[0], y + shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def find_contours(buffer: GBuffer) -> tuple[Floats, Floats]:
    """Return the silhouette's and the inner edges, each float32 (h, w), 0 or 1, one pixel wide."""
    mask = buffer.mask
    outline = _neighbor_difference(mask.astype(np.float32)) > 0
    depth = np.where(mask, buffer.depth, 0.0).astype(np.float32)
    span = float(np.ptp(buffer.depth[mask])) if mask.any() else 1.0
    jump = _neighbor_difference(depth) > 0.06 * span
    parts = _neighbor_difference(np.where(mask, buffer.material, 9).astype(np.float32)) > 0
    bend = (
        sum(_neighbor_difference(buffer.normal[..., c]) for c in range(3))
        > 0.55 * 512 / buffer.mask.shape[0] * 0.75
    )
    inner = (jump | parts | bend) & mask & ~outline
    return outline.astype(np.float32), inner.astype(np.float32)


def draw_lines(edges: Floats, width: float) -> Floats:
    """Draw soft lines (h, w), 0..1, of `width` pixels along one-pixel edges."""
    size = max(round(width) | 1, 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return _blur(np.asarray(cv2.dilate(edges, disc), np.float32), max(width * 0.16, 0.5))


def draw_hatching(tone: Floats, angle: float, pitch: float, random: np.random.Generator) -> Floats:
    """Draw parallel strokes (h, w), 0..1, which broaden with `tone` (0..1); `angle` in degrees, `pitch` in pixels."""
    y, x = np.mgrid[0 : tone.shape[0], 0 : tone.shape[1]].astype(np.float32)
    a = np.radians(angle)
    across, along = -x * np.sin(a) + y * np.cos(a), x * np.cos(a) + y * np.sin(a)
    sway = np.sin(along / (pitch * 6.0) + random.uniform(0, 6.3)) * 0.25
    phase = np.abs(((across / pitch + sway) % 1.0) - 0.5) * 2.0  # 0 in the middle of a stroke
    broad = 0.25 + 0.5 * tone
    stroke = sigmoid((broad - phase) * 9.0)
    return np.asarray(stroke * np.clip(tone * 2.5, 0, 1), np.float32)


def paper_grain(size: tuple[int, int], random: np.random.Generator) -> Floats:
    """Return the brightness of paper (h, w) around 1: coarse, faint grain."""
    grain = cv2.resize(
        random.normal(0, 1, (24, 24)).astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(1.0 + 0.006 * grain, np.float32)
