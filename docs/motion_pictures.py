"""Draw the images of motion.md: python docs/motion_pictures.py (needs the extra `nano`)."""

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from animator.frame import Image, Motion, State
from animator.imaging.cameras import HomographyCamera
from animator.imaging.depth import DepthCamera, ProxyDepth, harden_edges
from animator.imaging.depth_warp import DepthView
from animator.imaging.geometry import Lens
from nanolab.gbuffer import CameraView
from nanolab.recipes import DrawnImage, Recipe, draw_recipe

HERE = Path(__file__).parent
SIZE, GAP = 256, 4
LENS = Lens(SIZE, SIZE)
LONG = Lens(SIZE, SIZE, 22)  # approximately the lens of the drawn products
WAYS = [
    {"translation_x": 24},
    {"translation_z": 60},
    {"rotation_3d_y": 6},
    {"orbit_y": 18},
    {"orbit_x": 12},
]
ANGLES = (-30, -15, 0, 15, 30)


def product(name: str, azimuth: float = 25.0, **more: object) -> Recipe:
    return Recipe(name, view=CameraView(azimuth=azimuth, elevation=6.0, scale=0.7), seed=3, **more)


def strip(images: list[Image]) -> Image:
    gap = np.full((SIZE, GAP, 3), 255, np.uint8)
    return np.hstack([part for image in images for part in (image, gap)][:-1])


def save(rows: list[list[Image]], name: str) -> None:
    strips = [strip(row) for row in rows]
    gap = np.full((GAP, strips[0].shape[1], 3), 255, np.uint8)
    whole = np.vstack([part for row in strips for part in (row, gap)][:-1])
    Pillow.fromarray(whole).save(HERE / name, quality=85, subsampling=0)


def ways() -> None:
    """Return an image after each of five motions, flat and with depth."""
    image = draw_recipe(product("mug", backdrop="grey"), (SIZE, SIZE)).image
    state = State(painting=image)
    cameras = (HomographyCamera(LENS), DepthCamera(LENS, ProxyDepth(LENS, 0.5)))
    rows = [[camera.render_view(state, LENS.step_pose(Motion(**way))) for way in WAYS] for camera in cameras]
    save([[image, *row] for row in rows], "motion-ways.jpg")


def orbit() -> None:
    """Return views around a product: by proxy depth, by true depth, and drawn from each viewpoint."""
    recipe = product("speaker", style="photo")
    first = draw_recipe(recipe, (SIZE, SIZE))
    proxy = DepthView(first.image, ProxyDepth(LENS, 0.5).disparity(first.image, 0, None), LENS)
    true = DepthView(first.image, depth(first), LONG)
    anew = [
        draw_recipe(product("speaker", 25 + angle, style="photo"), (SIZE, SIZE)).image for angle in ANGLES
    ]
    moved = [
        [relief.render(relief.lens.step_pose(Motion(orbit_y=angle))) for angle in ANGLES]
        for relief in (proxy, true)
    ]
    save([*moved, anew], "motion-orbit.jpg")


def depth(image: DrawnImage) -> np.ndarray:
    """Return a drawing's disparity: the product's centre is on the reference plane, and a wall is behind the floor."""
    distance = np.where(np.isfinite(image.depth), image.depth, np.inf)
    middle = float(np.median(distance[(image.mask > 250) & np.isfinite(distance)]))
    return harden_edges(np.clip(middle / distance, 0.6, 2.0).astype(np.float32), LONG.focal)


if __name__ == "__main__":
    ways()
    orbit()
