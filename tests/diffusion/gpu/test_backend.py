"""Image operations on a device equal those of NumPy and cv2 except for rounding, on a GPU or torch's CPU device."""

import inspect

import cv2
import numpy as np
import pytest
import torch

from animator.diffusion.gpu import color, filters
from animator.diffusion.gpu.backend import GpuPlace
from animator.diffusion.gpu.filters import PrefetchedNoise, warp
from animator.diffusion.gpu.image import DeviceImage, to_device
from animator.frame import Frame, Grade, Motion
from animator.imaging import warp as warp_here
from animator.imaging.backend import CPU_BACKEND, ImageBackend
from animator.imaging.cameras import HomographyCamera
from animator.imaging.color import (
    CHANNEL_RANGES,
    PalettePull,
    change_contrast,
    color_stats,
    match_color,
    mix_stats,
)
from animator.imaging.filters import add_noise, crossfade, sharpen
from animator.imaging.geometry import Lens

HERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BORDERS = sorted(warp_here.BORDERS)
SPACES = sorted(CHANNEL_RANGES)
WAYS = ["statistics", "histogram"]


def apart(picture, image):
    """Return the largest and the mean difference in grey levels."""
    difference = np.abs(np.asarray(picture).astype(int) - image)
    return difference.max(), difference.mean()


def photo(seed, height=80, width=96):
    """Return an image of soft shapes with a little grain and no sharp edges, insensitive to a 64th of a pixel."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(float)
    tinted = soft * random.uniform(0.5, 1, 3) + random.normal(0, 1, soft.shape)
    return np.clip(tinted, 0, 255).astype(np.uint8)


def matrices():
    """Return warp matrices: affine, shifts, and 3D camera moves, one of which sees the plane almost edge-on."""
    random, camera = np.random.default_rng(5), HomographyCamera(Lens(96, 80))
    flat = [np.eye(3) + np.vstack([random.normal(0, 0.2, (2, 3)), np.zeros(3)]) for _ in range(6)]
    shifts = [(7, -3), (0.5, 0.25), (-40.3, 20), (-700, 1000.5)]
    moved = [np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]) for x, y in shifts]
    motions = [Motion(rotation_3d_x=20, rotation_3d_y=-35, translation_z=10), Motion(rotation_3d_y=88)]
    return [*flat, *moved, *(camera.lens.homography(camera.matrix(motion)) for motion in motions)]


@pytest.mark.parametrize("border", BORDERS)
def test_a_warp_equals_cv2_except_for_rounding(textured, border):
    for matrix in matrices():
        most, _ = apart(
            warp(to_device(textured, HERE), matrix, border), warp_here.warp(textured, matrix, border)
        )
        assert most <= 1


def test_an_identity_warp_returns_the_identical_image(textured):
    image = to_device(textured, HERE)
    assert warp(image, np.eye(3)) is image


@pytest.mark.parametrize("space", SPACES)
def test_colour_statistics_equal_those_on_the_cpu(space):
    image = photo(2)
    found, known = color.measure(to_device(image, HERE), space), color_stats(image, space)
    scale = np.array([high - low for low, high in CHANNEL_RANGES[space]])
    for name in ("mean", "deviation"):
        assert (np.abs(getattr(found, name).cpu().numpy() - getattr(known, name)) < 0.003 * scale).all()
    assert (np.abs(found.quantiles.cpu().numpy() - known.quantiles) < 0.006 * scale[:, None]).all()
    assert float(found.hue) == pytest.approx(known.hue, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("amount", [1.0, 0.4])
@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("space", SPACES)
def test_colour_matching_equals_that_on_the_cpu(space, by, amount):
    image, other = photo(2), photo(3)
    goal, there = color_stats(other, space), color.measure(to_device(other, HERE), space)
    matched = match_color(image, goal, space, by, amount)
    most, mean = apart(color.match(to_device(image, HERE), there, space, by, amount), matched)
    assert most <= 2
    assert mean < 0.2


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("space", SPACES)
def test_matching_flat_or_equal_images_equals_that_on_the_cpu(space, by):
    grey, image = np.full((80, 96, 3), 90, np.uint8), photo(2)
    for one, other in [(grey, image), (image, grey), (grey, grey), (image, image)]:
        matched = match_color(one, color_stats(other, space), space, by)
        goal = color.measure(to_device(other, HERE), space)
        assert apart(color.match(to_device(one, HERE), goal, space, by), matched)[0] <= 1


@pytest.mark.parametrize("space", SPACES)
def test_mixed_colour_statistics_equal_those_on_the_cpu(space):
    one, other = photo(2), photo(3)
    known = mix_stats(color_stats(one, space), color_stats(other, space), 0.3)
    found = color.mix(*(color.measure(to_device(image, HERE), space) for image in (one, other)), 0.3)
    assert float(found.hue) == pytest.approx(known.hue, abs=1e-3, nan_ok=True)
    assert found.mean.cpu().numpy() == pytest.approx(known.mean, abs=0.3)


def test_a_palette_pull_equals_that_on_the_cpu():
    image, colors = photo(4), np.array([(10, 132, 255), (250, 90, 20)], np.uint8)
    pulled = color.PalettePull(colors, HERE)(to_device(image, HERE), 0.7)
    assert apart(pulled, PalettePull(colors)(image, 0.7))[0] <= 1


@pytest.mark.parametrize("ratio", [0.5, 0.97, 1.03, 4.0])
def test_contrast_equals_that_on_the_cpu_to_the_byte(textured, ratio):
    assert (
        np.asarray(filters.contrast(to_device(textured, HERE), ratio)) == change_contrast(textured, ratio)
    ).all()


def test_the_blur_of_sharpening_equals_cv2_to_the_byte(textured):
    values = torch.from_numpy(textured.astype(np.float32)).permute(2, 0, 1).to(HERE)
    found = filters.gaussian_blur(values, 1.0).permute(1, 2, 0).cpu().numpy()
    assert (found == cv2.GaussianBlur(textured, (0, 0), 1.0)).all()


@pytest.mark.parametrize("amount", [0.1, 0.5, 3.0])
def test_sharpening_equals_that_on_the_cpu_except_for_rounding(textured, amount):
    assert apart(filters.sharpen(to_device(textured, HERE), amount), sharpen(textured, amount))[0] <= 1


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_a_crossfade_equals_that_on_the_cpu_except_for_rounding(textured, weight):
    other = photo(4)
    faded = filters.crossfade(to_device(textured, HERE), to_device(other, HERE), weight)
    assert apart(faded, crossfade(textured, other, weight))[0] <= 1


@pytest.mark.parametrize("clouds", [False, True])
def test_noise_equals_that_on_the_cpu_to_the_byte_in_any_order_of_frames(textured, clouds):
    frames = [Frame(index, seed, grade=Grade(noise=0.1)) for index, seed in enumerate([3, 2**32 - 1, 3, 8])]
    ahead, image = PrefetchedNoise(frames, HERE), to_device(textured, HERE)
    for frame in [*frames, frames[0], frames[2], Frame(9, 77, grade=Grade(noise=0.02))]:
        noisy = ahead(image, frame.grade.noise, frame.seed, clouds)
        assert (np.asarray(noisy) == add_noise(textured, frame.grade.noise, frame.seed, clouds)).all()


def test_every_operation_has_the_same_defaults_on_cpu_and_device():
    there = GpuPlace("cpu", []).backend
    assert ImageBackend._fields == there._fields
    for name in set(ImageBackend._fields) - {"to_device", "pull", "add_noise"}:
        here = [each.default for each in inspect.signature(getattr(CPU_BACKEND, name)).parameters.values()]
        assert here == [
            each.default for each in inspect.signature(getattr(there, name)).parameters.values()
        ], name


def test_no_operation_modifies_its_input(textured):
    image = to_device(textured, HERE)
    tools = GpuPlace("cpu", []).backend
    tools.match(image, tools.measure(image, "lab"), "lab")
    tools.contrast(image, 1.5), tools.sharpen(image, 1.0), tools.crossfade(image, image, 0.5)
    tools.add_noise(image, 0.2, 5), tools.pull(np.zeros((1, 3), np.uint8))(image, 1.0)
    assert (np.asarray(image) == textured).all()
    assert isinstance(image, DeviceImage)


def test_no_warp_waits_for_a_value_from_the_device():
    tools = GpuPlace("meta", []).backend
    image = tools.to_device(photo(1))
    with pytest.raises(NotImplementedError, match="no data"):
        np.asarray(image)
    for matrix in matrices():
        for border in BORDERS:
            image = tools.warp(image, matrix, border)
    assert image.device.type == "meta"


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("space", SPACES)
def test_no_operation_waits_for_a_value_from_the_device(space, by):
    # torch's meta device has only shapes: reading a value from it raises an error.
    frames = [Frame(index, index, grade=Grade(noise=0.1)) for index in range(3)]
    tools = GpuPlace("meta", frames).backend
    image, other = (tools.to_device(photo(seed)) for seed in (1, 2))
    goal = tools.mix(tools.measure(other, space), tools.measure(image, space), 0.5)
    image = tools.match(image, goal, space, by, 0.5)
    image = tools.sharpen(tools.contrast(image, 1.1), 0.3)
    for frame in frames:
        image = tools.add_noise(image, frame.grade.noise, frame.seed)
    image = tools.pull(np.zeros((2, 3), np.uint8))(tools.crossfade(image, other, 0.3), 0.5)
    assert image.shape == (80, 96, 3)
    assert image.device.type == "meta"
