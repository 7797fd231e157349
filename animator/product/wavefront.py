"""OBJ files whose faces count their corners backwards, rewritten with numbers that count from the first."""

import re

RELATIVE = re.compile(rb"^[ \t]*f\b[^\r\n]*[ \t/]-\d", re.MULTILINE)
LISTS = (b"v", b"vt", b"vn")  # the order of the three numbers in a corner such as 3/1/2


def with_absolute_corners(data: bytes) -> bytes:
    """Return the OBJ file `data` with every negative number of a face's corner replaced.

    In an OBJ file -1 is the last point (texture point, normal) *above the face's line*. trimesh counts
    from the end of the file, which silently gives another shape. Files without such numbers are returned
    as they are. Raises ValueError for a number that reaches before the first point.
    """
    if not RELATIVE.search(data):
        return data
    counts = dict.fromkeys(LISTS, 0)
    lines = data.splitlines()
    for row, line in enumerate(lines):
        keyword, *words = line.split() or [b""]
        if keyword in counts:
            counts[keyword] += 1
        elif keyword == b"f":
            lines[row] = b" ".join([b"f", *(_absolute(word, counts, row + 1) for word in words)])
    return b"\n".join(lines) + b"\n"


def _absolute(corner: bytes, counts: dict[bytes, int], row: int) -> bytes:
    """Return a corner such as `-1/-1/-1` with numbers that count from the first."""
    numbers = corner.split(b"/")
    for place, (number, kind) in enumerate(zip(numbers, LISTS, strict=False)):
        if re.fullmatch(rb"-\d{1,12}", number):
            found = counts[kind] + 1 + int(number)
            if found < 1 or number == b"-0":
                raise ValueError(
                    f"line {row}: the corner {corner[:40].decode('ascii', 'replace')} does not exist"
                )
            numbers[place] = str(found).encode()
    return b"/".join(numbers)
