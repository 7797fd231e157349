"""STEP files (ISO 10303-21, AP214) of boxes, each a product of its own with a name and a colour."""

from __future__ import annotations

FACES = (
    (0, 3, 2, 1),
    (4, 5, 6, 7),
    (0, 1, 5, 4),
    (2, 3, 7, 6),
    (1, 2, 6, 5),
    (0, 4, 7, 3),
)  # seen from outside
UNITS = {"mm": "SI_UNIT(.MILLI.,.METRE.)", "m": "SI_UNIT($,.METRE.)"}
NONE = "''"
HEADER = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('','2024-01-01T00:00:00',(''),(''),'','','');
FILE_SCHEMA(('AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 }'));
ENDSEC;
DATA;
"""


def step_text(boxes: dict[str, tuple], unit: str = "mm") -> str:
    """A file of boxes: {name: (low corner, high corner, (red, green, blue))}."""
    add = _Writer()
    about = add("APPLICATION_CONTEXT", "'automotive design'")
    add("APPLICATION_PROTOCOL_DEFINITION", NONE, "'automotive_design'", "2000", about)
    context = add("PRODUCT_CONTEXT", NONE, about, "'mechanical'")
    stage = add("PRODUCT_DEFINITION_CONTEXT", "'part definition'", about, "'design'")
    length = add.line(f"(LENGTH_UNIT()NAMED_UNIT(*){UNITS[unit]})")
    angle = add.line("(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))")
    solid_angle = add.line("(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT())")
    precision = add("UNCERTAINTY_MEASURE_WITH_UNIT", "LENGTH_MEASURE(1.E-07)", length, NONE, NONE)
    space = add.line(
        f"(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT(({precision}))"
        f"GLOBAL_UNIT_ASSIGNED_CONTEXT(({length},{angle},{solid_angle}))REPRESENTATION_CONTEXT('',''))"
    )
    styled = []
    for name, (low, high, color) in boxes.items():
        solid = _solid(add, name, low, high)
        shape = add("ADVANCED_BREP_SHAPE_REPRESENTATION", NONE, f"({_placement(add)},{solid})", space)
        product = add("PRODUCT", f"'{name}'", f"'{name}'", NONE, f"({context})")
        version = add("PRODUCT_DEFINITION_FORMATION", NONE, NONE, product)
        definition = add("PRODUCT_DEFINITION", "'design'", NONE, version, stage)
        kept = add("PRODUCT_DEFINITION_SHAPE", NONE, NONE, definition)
        add("SHAPE_DEFINITION_REPRESENTATION", kept, shape)
        styled.append(_styled(add, solid, color))
    add("MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION", NONE, f"({','.join(styled)})", space)
    return HEADER + "\n".join(add.lines) + "\nENDSEC;\nEND-ISO-10303-21;\n"


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, kind: str, *values: str) -> str:
        return self.line(f"{kind}({','.join(values)})")

    def line(self, text: str) -> str:
        self.lines.append(f"#{len(self.lines) + 1}={text};")
        return f"#{len(self.lines)}"


def _numbers(values) -> str:
    return "(" + ",".join(f"{float(value):.9f}" for value in values) + ")"


def _placement(add: _Writer) -> str:
    ways = [add("DIRECTION", NONE, _numbers(way)) for way in ((0, 0, 1), (1, 0, 0))]
    return add("AXIS2_PLACEMENT_3D", NONE, add("CARTESIAN_POINT", NONE, _numbers((0, 0, 0))), *ways)


def _solid(add: _Writer, name: str, low, high) -> str:
    (a, b, c), (d, e, f) = low, high
    corners = [(a, b, c), (d, b, c), (d, e, c), (a, e, c), (a, b, f), (d, b, f), (d, e, f), (a, e, f)]
    points = [add("CARTESIAN_POINT", NONE, _numbers(corner)) for corner in corners]
    vertices = [add("VERTEX_POINT", NONE, point) for point in points]
    edges: dict[tuple[int, int], str] = {}
    faces = []
    for loop in FACES:
        sides = []
        for p, q in zip(loop, loop[1:] + loop[:1], strict=True):
            key = (min(p, q), max(p, q))
            if key not in edges:
                vector = add("VECTOR", NONE, _way(add, corners[key[0]], corners[key[1]]), "1.")
                line = add("LINE", NONE, points[key[0]], vector)
                edges[key] = add("EDGE_CURVE", NONE, vertices[key[0]], vertices[key[1]], line, ".T.")
            sides.append(add("ORIENTED_EDGE", NONE, "*", "*", edges[key], ".T." if p < q else ".F."))
        bound = add("FACE_OUTER_BOUND", NONE, add("EDGE_LOOP", NONE, f"({','.join(sides)})"), ".T.")
        opposite = [corners[loop[0]][i] + _normal(corners, loop)[i] for i in range(3)]
        axes = _way(add, corners[loop[0]], opposite), _way(add, corners[loop[0]], corners[loop[1]])
        plane = add("PLANE", NONE, add("AXIS2_PLACEMENT_3D", NONE, points[loop[0]], *axes))
        faces.append(add("ADVANCED_FACE", NONE, f"({bound})", plane, ".T."))
    shell = add("CLOSED_SHELL", NONE, f"({','.join(faces)})")
    return add("MANIFOLD_SOLID_BREP", f"'{name}'", shell)


def _way(add: _Writer, start, end) -> str:
    along = [q - p for p, q in zip(start, end, strict=True)]
    length = sum(step * step for step in along) ** 0.5
    return add("DIRECTION", NONE, _numbers(step / length for step in along))


def _normal(corners, loop):
    u, v = ([corners[loop[n + 1]][i] - corners[loop[n]][i] for i in range(3)] for n in (0, 1))
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]


def _styled(add: _Writer, solid: str, color) -> str:
    rgb = add("COLOUR_RGB", NONE, *_numbers(color)[1:-1].split(","))
    fill = add("FILL_AREA_STYLE", NONE, f"({add('FILL_AREA_STYLE_COLOUR', NONE, rgb)})")
    side = add("SURFACE_SIDE_STYLE", NONE, f"({add('SURFACE_STYLE_FILL_AREA', fill)})")
    usage = add("SURFACE_STYLE_USAGE", ".BOTH.", side)
    style = add("PRESENTATION_STYLE_ASSIGNMENT", f"({usage})")
    return add("STYLED_ITEM", NONE, f"({style})", solid)
