"""Import a camera path, JSON that a few lines of Python in Blender write, as motion per frame.

{"format": "animator-camera", "fps": 24, "fov": 50, "distance": 4, "size": [1024, 1024],
 "frames": [{"matrix": [[…], […], […], […]], "fov": 48}, …]}

`matrix` maps camera to world coordinates (Blender's `camera.matrix_world`): x points to the camera's right, y up,
and the camera looks along -z. `fov` is the horizontal field of view in degrees, for the whole film or for one frame.
`distance` is the distance of the product from the camera in the first frame, in scene units; by default, the
distance of the scene's origin.

The units of Deforum's 3D camera are converted here too. Deforum moves points of a world in which the image is 2 wide,
by 1/200 per unit of translation, and projects them with the focal length f = 1/tan(fov/2) in half image heights. With
a depth map their depth is 1..2, without one it is 1; our reference plane is half-way (1.5). A positive translation_x
moves Deforum's image left and ours right; all other signs agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from math import atan, degrees, radians, tan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animator.interop.draft import ScheduleDraft, SourceFile
from animator.interop.keystrings import compact, compact_motion, format_decimal
from animator.scene.settings import MAX_FRAMES
from animator.timeline.clock import Clock
from animator.timeline.curves import parse_number

Floats = NDArray[np.float64]


CAMERA_FORMAT = "animator-camera"

MOTION_EPSILON = 1e-6  # smaller changes (degrees, pixels, ratio) count as no motion


def read_camera_path(source: SourceFile, data: Mapping[str, Any]) -> ScheduleDraft:
    """Return a draft whose image moves as the camera's view does. Raises SceneError for an invalid path."""
    frames = data.get("frames")
    if not isinstance(frames, list) or not 0 < len(frames) <= MAX_FRAMES:
        raise source.error(f"expected a list of 1..{MAX_FRAMES:,} frames, each with a matrix", "frames")
    poses = np.array([_read_matrix(source, at, frame) for at, frame in enumerate(frames)])
    fovs = np.array([_read_fov(source, at, frame, data.get("fov", 50.0)) for at, frame in enumerate(frames)])
    draft = ScheduleDraft(source, "camera path")
    fps = data.get("fps", 24)
    if isinstance(fps, bool) or not isinstance(fps, int | float):
        raise source.error(f"{fps!r} is not a number", "fps")
    draft.put("video.fps", fps)
    draft.put("video.frames", len(frames))
    width, height = _read_size(source, data)
    pixels = width / 2 / np.tan(np.radians(fovs[0]) / 2) / _read_distance(source, data, poses[0])
    tilt, pan, roll = camera_rotations(poses).T
    right, up, back = camera_translations(poses).T * pixels
    # The image moves opposite to the camera: left when it goes right, down when it goes up.
    columns = {
        "translation_x": -right, "translation_y": up, "translation_z": -back,
        "rotation_3d_x": tilt, "rotation_3d_y": -pan, "rotation_3d_z": -roll,
    }  # fmt: skip
    for name, values in columns.items():
        _put_motion(draft, f"motion.{name}", values, 0.0)
    if any(name in draft.data.get("motion", {}) for name in columns):
        draft.put("video.size", f"{width}x{height}")
        clock = Clock(len(frames), draft.data["video"]["fps"])
        draft.put_curve("motion.fov", "fov", compact(np.round(fovs, 4)), clock)
        draft.put("motion.depth", "proxy")
    else:  # the lens alone moves, which needs no 3D camera
        _put_motion(draft, "motion.zoom", zoom_ratios(fovs), 1.0)
    return draft


def _read_size(source: SourceFile, data: Mapping[str, Any]) -> tuple[int, int]:
    size = data.get("size", [1024, 1024])
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(side, int) for side in size):
        raise source.error(f"{size!r}: expected width and height in pixels, e.g. [1920, 1080]", "size")
    return size[0], size[1]


def _read_distance(source: SourceFile, data: Mapping[str, Any], first: Floats) -> float:
    distance = data.get("distance", float(np.linalg.norm(first[:3, 3])) or 1.0)
    if isinstance(distance, bool) or not isinstance(distance, int | float) or not distance > 0:
        raise source.error(f"{distance!r}: expected a distance above 0", "distance")
    return float(distance)


def _put_motion(draft: ScheduleDraft, path: str, values: Floats, neutral: float) -> None:
    curve = compact_motion(np.where(np.abs(values - neutral) < MOTION_EPSILON, neutral, values))
    if curve != neutral:
        draft.put(path, curve)


def _read_matrix(source: SourceFile, at: int, frame: Any) -> Floats:
    try:
        matrix = np.array(frame["matrix"] if isinstance(frame, dict) else frame, np.float64)
    except (KeyError, TypeError, ValueError):
        matrix = np.empty(0)
    usable = matrix.shape == (4, 4) and np.isfinite(matrix).all()
    turn = matrix[:3, :3] if usable else np.zeros((3, 3))
    sides = np.linalg.norm(turn, axis=0)
    if not sides.min() > 0 or not np.allclose((turn / sides).T @ (turn / sides), np.eye(3), atol=1e-3):
        raise source.error(f"frame {at}: expected a 4x4 camera-to-world matrix", "matrix")
    matrix[:3, :3] = turn / sides  # a camera's scale does not change its view
    return matrix


def _read_fov(source: SourceFile, at: int, frame: Any, default: Any) -> float:
    fov = frame.get("fov", default) if isinstance(frame, dict) else default
    if isinstance(fov, bool) or not isinstance(fov, int | float) or not 0 < fov < 180:
        raise source.error(f"frame {at}: {fov!r}: expected a field of view between 0 and 180 degrees", "fov")
    return float(fov)


def camera_rotations(poses: Floats) -> Floats:
    """Return the camera's rotation since the frame before, in degrees about its own x, y and z axes: (frames, 3).

    Positive values turn the camera up, left and counter-clockwise. `poses` are camera-to-world matrices
    (frames, 4, 4). The first row is 0.
    """
    rotations = poses[:, :3, :3]
    result = np.zeros((len(poses), 3))
    for at in range(1, len(poses)):
        step = rotations[at - 1].T @ rotations[at]
        # Half of a rotation minus its transpose is the cross-product matrix of axis * sin(angle).
        axis = np.array([step[2, 1] - step[1, 2], step[0, 2] - step[2, 0], step[1, 0] - step[0, 1]]) / 2
        sine, cosine = float(np.linalg.norm(axis)), (np.trace(step) - 1) / 2
        if sine > 0:
            result[at] = np.degrees(np.arctan2(sine, cosine)) * axis / sine
    return result


def camera_translations(poses: Floats) -> Floats:
    """Return the translation since the frame before along that frame's camera axes: (frames, 3), in scene units."""
    way = np.diff(poses[:, :3, 3], axis=0, prepend=poses[:1, :3, 3])
    before = np.concatenate([poses[:1], poses[:-1]])[:, :3, :3]
    return np.asarray(np.einsum("nij,ni->nj", before, way))


def zoom_ratios(fovs: Floats) -> Floats:
    """Return how much a changing field of view enlarges the image since the frame before: ratios (frames,)."""
    size = 1 / np.tan(np.radians(fovs) / 2)
    return np.concatenate([[1.0], size[1:] / size[:-1]])


WORLD_STEP = 1 / 200  # in Deforum's world, per unit of translation

MIDDLE_DEPTH = 1.5  # distance of the middle of a depth map, 1..2

DEPTH_SCALE = 2 / 3  # our depth_scale for that map: from 1 / 1.5 to 2 / 1.5 times the middle


class DeforumCamera(NamedTuple):
    """Camera of a Deforum film: our horizontal field of view in degrees, and pixels per unit of its translations."""

    fov: float
    factors: dict[str, float]


def deforum_camera(width: int, height: int, fov: float, has_depth: bool) -> DeforumCamera:
    """Return the camera of a Deforum film of the vertical `fov` in degrees; `has_depth`: it uses a depth map."""
    f = 1 / tan(radians(fov) / 2)
    distance = MIDDLE_DEPTH if has_depth else 1.0
    side = f * height / 2 * WORLD_STEP / distance
    # Deforum does not scale depth by f before projecting with f, so its camera approaches f times as fast.
    factors = {"translation_x": -side, "translation_y": side, "translation_z": side * f / distance}
    return DeforumCamera(
        round(degrees(2 * atan(width / 2 / (f * height / 2))), 4),
        {name: float(f"{factor:.6g}") for name, factor in factors.items()},
    )


def put_deforum_lens(
    draft: ScheduleDraft, theirs: Floats, size: tuple[int, int], has_depth: bool, clock: Clock
) -> dict[str, Floats]:
    """Set the lens of a Deforum film in `draft`; return pixels per unit of its translations: name → (frames,) or (1,).

    `theirs` are Deforum's fields of view in degrees, (1,) or (frames,). Deforum moves the image into a frame as the
    lens of that frame sees it, ours as the lens of the frame before does. A change of Deforum's lens does not enlarge
    the image, so a zoom takes back that ours does.
    """
    cameras = [deforum_camera(*size, fov, has_depth) for fov in theirs.tolist()]
    ours = np.array([camera.fov for camera in cameras])
    ours = np.append(ours[1:], ours[-1])
    draft.put_curve("motion.fov", "fov_schedule", compact(ours), clock)
    if np.ptp(ours) > 0:
        draft.put_curve("motion.zoom", "fov_schedule", compact_motion(1 / zoom_ratios(ours)), clock)
    return {name: np.array([camera.factors[name] for camera in cameras]) for name in cameras[0].factors}


def vertical_fov(width: int, height: int, fov: float) -> float:
    """Return Deforum's vertical field of view for our horizontal one, both in degrees."""
    return degrees(2 * atan(tan(radians(fov) / 2) * height / width))


def multiply_by(factor: float) -> Callable[[str], str]:
    """Return the conversion that multiplies a number or an expression by `factor`."""
    return partial(_multiply, Decimal(repr(factor)))


def divide_by(factor: float) -> Callable[[str], str]:
    """Return the inverse of the conversion `multiply_by(factor)`."""
    return partial(_divide, Decimal(repr(factor)))


def _multiply(factor: Decimal, text: str) -> str:
    plain = parse_number(text)
    if plain is not None:
        return format_decimal(Decimal(repr(plain)) * factor)
    return f"{format_decimal(factor)}*({text})"


def _divide(factor: Decimal, text: str) -> str:
    plain = parse_number(text)
    if plain is not None:
        return format_decimal(Decimal(f"{Decimal(repr(plain)) / factor:.14g}"))
    before, star, inner = text.partition("*(")
    if star and before == format_decimal(factor) and inner.endswith(")"):
        return inner[:-1]  # its text before the multiplication
    return f"({text})/({format_decimal(factor)})"
