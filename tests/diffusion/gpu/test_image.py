"""Images on a device: copies to the host, and painting without leaving the device."""

import numpy as np
import pytest
import torch

from animator import ModelError
from animator.diffusion.gpu import filters
from animator.diffusion.gpu.image import DeviceImage, send_to_device, start_copy_to_host, to_device
from animator.diffusion.images import from_pipeline_tensor
from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.frame import Prompt

HERE = torch.device("cpu")


def test_an_image_converts_to_one_array_that_is_reused(textured):
    image = to_device(textured, HERE)
    image.prefetch()
    assert np.asarray(image) is np.asarray(image)
    assert (np.asarray(image) == textured).all()
    assert np.asarray(image, float).dtype == float
    assert np.array(image) is not np.asarray(image)
    assert image.shape == textured.shape
    assert to_device(image, HERE) is image


def test_a_nan_frame_is_reported_by_index_in_all_images_derived_from_it():
    sound, broken = torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), torch.nan)
    first = from_pipeline_tensor(sound, 4, (8, 8))
    second = from_pipeline_tensor(broken, 5, (8, 8), first)
    third = from_pipeline_tensor(sound, 6, (8, 8), filters.contrast(second, 1.2))
    later = from_pipeline_tensor(broken, 7, (8, 8), third)
    assert np.asarray(first).tolist() == np.full((8, 8, 3), 128).tolist()
    for image in (second, third, filters.sharpen(third, 0.5), later):
        with pytest.raises(ModelError, match="frame 5: the model produced NaN instead of an image"):
            np.asarray(image)


def test_painting_on_the_device_gives_the_same_bytes_as_on_the_host(sdxl, frame):
    start = sdxl.paint(frame(seed=3), None)
    assert (np.asarray(sdxl.paint_on_device(frame(seed=3), None)) == start).all()
    kept = to_device(start, sdxl.device)
    for sampler in ("Euler", "DPM++ 2M Karras", "Euler a", "UniPC"):
        asked = frame(sampler=sampler, strength=0.6)
        assert (np.asarray(sdxl.paint_on_device(asked, kept)) == sdxl.paint(asked, start)).all(), sampler
    wordy = frame(prompt=Prompt("chair", "blurry", "snow", 0.3), strength=0.4)
    assert (np.asarray(sdxl.paint_on_device(wordy, kept)) == sdxl.paint(wordy, start)).all()
    assert (np.asarray(sdxl.paint_on_device(wordy, start)) == sdxl.paint(wordy, start)).all()
    assert sdxl.paint_on_device(frame(strength=0.0), kept) is kept


@pytest.mark.parametrize("memory", ["balanced", "low"])
def test_painting_on_the_device_gives_the_same_bytes_in_every_memory_mode(checkpoint, frame, memory):
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint), memory=memory), 64, 64, {})
    start = sdxl.paint(frame(), None)
    kept = sdxl.paint_on_device(frame(seed=8), to_device(start, sdxl.device))
    assert (np.asarray(kept) == sdxl.paint(frame(seed=8), start)).all()


@pytest.mark.parametrize("size", [(98, 66), (64, 90)])
def test_painting_on_the_device_works_for_any_size(checkpoint, frame, size):
    sdxl = SDXLPainter(CheckpointSpec(str(checkpoint)), *size, {})
    fresh = sdxl.paint(frame(), None)
    assert (np.asarray(sdxl.paint_on_device(frame(), None)) == fresh).all()
    assert (
        np.asarray(sdxl.paint_on_device(frame(seed=8), to_device(fresh, sdxl.device)))
        == sdxl.paint(frame(seed=8), fresh)
    ).all()


def test_images_stay_on_the_device_only_with_a_gpu(sdxl):
    assert sdxl.device_name == ("cuda" if torch.cuda.is_available() else "")


@pytest.mark.gpu
def test_copies_to_and_from_a_gpu_do_not_block(textured):
    there = torch.device("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        with torch.inference_mode():
            image = DeviceImage(
                send_to_device(textured, there), torch.full((1,), -1, dtype=torch.int32, device=there)
            )
        for _ in range(20):
            image = filters.contrast(image, 1.0)
            image.prefetch()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert (np.asarray(image) == textured).all()
    arrival = start_copy_to_host(image.pixels)
    assert all(tensor.is_pinned() for tensor in arrival.tensors)
    assert (arrival.wait()[0].numpy() == textured).all()
