"""Line art lies where edges are, and nowhere else."""

import cv2
import numpy as np

from animator.imaging.geometry import Lens
from animator.product.caster import Caster
from animator.product.lines import lines
from animator.product.passes import mask
from animator.product.triangles import Geometry
from tests.product.shapes import BOX_FACES, LENS, MIDDLE, at, box, box_corners, look, sphere, together, torus

VIEW = look(orbit_x=25, orbit_y=35)


def edges_of_box(size, view):
    """The ends, in pixels, of the box's edges: first the nine that are seen, then the three hidden ones."""
    corners = box_corners(size)
    pixels, depth = view.project(corners)
    hidden = depth.argmax()
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1]
    pairs.sort(key=lambda pair: hidden in pair)
    return [(pixels[a], pixels[b]) for a, b in pairs]


def along(ends, share=np.linspace(0.1, 0.9, 40)):
    start, end = ends
    x, y = np.rint(start + share[:, None] * (end - start)).astype(int).T
    return y, x


def test_a_box_has_lines_at_its_nine_visible_edges_and_nowhere_inside_a_face():
    drawn = lines(Caster(box(70)).cast(VIEW))
    ends = edges_of_box(70, VIEW)
    thick = cv2.dilate(drawn, np.ones((3, 3)))
    for edge in ends[:9]:
        assert (thick[along(edge)] >= 120).all()
    near = np.zeros_like(drawn)
    for start, end in ends[:9]:
        cv2.line(near, np.rint(start).astype(int).tolist(), np.rint(end).astype(int).tolist(), 255, 7)
    assert not drawn[near == 0].any()
    assert all(
        (near[along(edge, np.linspace(0.3, 0.7, 9))] == 0).any() for edge in ends[9:]
    )  # hidden: no line


def test_lines_are_as_wide_as_asked_and_antialiased():
    for width in (1.0, 2.0, 4.0):
        drawn = lines(Caster(box(70)).cast(VIEW), width=width).astype(float) / 255
        length = sum(np.linalg.norm(end - start) for start, end in edges_of_box(70, VIEW)[:9])
        assert 0.8 * width < drawn.sum() / length < 1.35 * width  # measured across the lines' direction
    assert len(np.unique(drawn)) > 4


def test_a_sphere_has_its_outline_alone():
    hits = Caster(sphere(60)).cast(look(orbit_y=20))
    drawn, inside = lines(hits), cv2.erode(mask(hits), np.ones((7, 7)))
    assert drawn.any() and not drawn[inside == 255].any()


def test_a_torus_seen_from_the_side_has_a_line_where_it_hides_itself():
    hits = Caster(torus(55, 18)).cast(look(orbit_x=78))
    inside = cv2.erode(mask(hits), np.ones((7, 7))) == 255
    inner = lines(hits)[inside]
    assert (inner > 100).sum() > 80
    assert (inner > 0).mean() < 0.1


def test_borders_of_parts_are_lines_unless_refused():
    half = box_corners(70)
    geometry = Geometry.flat(half, BOX_FACES)
    part = np.arange(12, dtype=np.int32) % 2  # the borders are the sides' diagonals
    split = Geometry(half, BOX_FACES, geometry.normals, part, np.ones((2, 3), np.float32))
    hits = Caster(split).cast(VIEW)
    assert (lines(hits) > 128).sum() > (lines(hits, borders=False) > 128).sum() + 20
    assert np.array_equal(lines(hits, borders=False), lines(Caster(geometry).cast(VIEW)))


def test_only_creases_over_the_angle_are_lines():
    tent = np.array([[-60.0, 0, 0], [-60, 60, 0], [0, 0, -20], [0, 60, -20], [60, 0, 0], [60, 60, 0]])
    roof = Geometry.flat(tent + MIDDLE, np.array([[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 5]], np.int32))
    hits = Caster(roof).cast(look())
    ridge = slice(110, 140), slice(120, 136)
    assert not lines(hits, crease=40)[ridge].any()  # the sides are 37 degrees apart
    assert lines(hits, crease=30)[ridge].max(1).min() > 120


def test_a_narrow_bevel_is_one_line():
    corners = np.array(
        [[-60.0, 60], [-0.5, 0], [0.5, 0], [60, 60]]
    )  # x, z: a ridge with a flat top, 1 px wide
    strip = np.array([[x, y, z] for x, z in corners for y in (-50, 50)]) + MIDDLE
    faces = [[2 * i, 2 * i + 1, 2 * i + 2] for i in range(3)] + [
        [2 * i + 2, 2 * i + 1, 2 * i + 3] for i in range(3)
    ]
    flat = Geometry.flat(strip, np.array(faces, np.int32))
    for lens in (LENS, Lens(1024, 768)):
        drawn = lines(Caster(flat).cast(look().with_size(lens.width, lens.height)), crease=60)
        middle = drawn[lens.height * 2 // 5 : lens.height * 3 // 5, lens.width * 2 // 5 : lens.width * 3 // 5]
        middle = middle.astype(float) / 255
        assert middle.sum(1).min() > 0.7 and middle.sum(1).max() < 1.6


def test_the_images_edge_draws_no_line():
    hits = Caster(box(2000, at(0, 0, 1000))).cast(look())
    assert (mask(hits) == 255).all()
    assert not lines(hits).any()


def test_an_empty_view_has_no_lines():
    assert not lines(Caster(together(box(20), box(20))).cast(look(translation_x=5000))).any()
