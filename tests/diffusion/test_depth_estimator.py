"""Depth estimation by a transformers model; a missing one is reported in one line."""

import numpy as np
import pytest
import torch

from animator.diffusion.helper_networks import DepthEstimator
from animator.errors import ModelError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an untrained Depth Anything of a few thousand weights."""
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTImageProcessor,
    )

    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8, head_hidden_size=4,
    )  # fmt: skip
    target = tmp_path_factory.mktemp("depth")
    torch.manual_seed(1)
    DepthAnythingForDepthEstimation(config).save_pretrained(target)
    DPTImageProcessor(
        size={"height": 56, "width": 56}, ensure_multiple_of=14, keep_aspect_ratio=True
    ).save_pretrained(target)
    return target


def test_every_pixel_gets_a_depth_and_repeated_calls_agree(folder, textured):
    estimator = DepthEstimator(str(folder), "cpu")
    first = estimator(textured)
    assert first.shape == textured.shape[:2]
    assert first.dtype == np.float32
    assert np.ptp(first) > 0
    assert (estimator(textured) == first).all()


def test_a_missing_estimator_is_reported_in_one_line(tmp_path):
    with pytest.raises(
        ModelError, match="depth estimator .*none cannot be loaded; .* depth: proxy"
    ) as caught:
        DepthEstimator(str(tmp_path / "none"))
    assert "\n" not in str(caught.value)
