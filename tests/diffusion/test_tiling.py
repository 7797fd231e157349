"""Tileable images: the networks' output does not depend on the position of the image's edges."""

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel

from animator.diffusion.loading import CheckpointSpec
from animator.diffusion.sdxl import SDXLPainter
from animator.diffusion.unet_patches import make_tileable
from animator.frame import Frame, Painting, Prompt
from animator.models import nano

SHIFT = {"x": (0, 16), "y": (16, 0), "both": (16, 16)}


@pytest.fixture
def vae(checkpoint):
    return AutoencoderKL.from_pretrained(checkpoint / "vae", local_files_only=True)


def moved(pixels, shift, scale=1):
    return torch.roll(pixels, (shift[0] // scale, shift[1] // scale), (-2, -1))


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tiling", ["x", "y", "both"])
@torch.inference_mode()
def test_a_tileable_vae_is_equivariant_to_shifts(vae, tiling):
    shift, pixels = SHIFT[tiling], noise(1, 3, 64, 64)

    def read():
        encoded, again = (vae.encode(one).latent_dist.mean for one in (pixels, moved(pixels, shift)))
        decoded, after = (vae.decode(one).sample for one in (encoded, moved(encoded, shift, 8)))
        return (moved(encoded, shift, 8) - again).abs().max(), (moved(decoded, shift) - after).abs().max()

    assert min(read()) > 1e-3  # the edges have an effect
    make_tileable(vae, tiling)
    assert max(read()) < 1e-4


@torch.inference_mode()
def test_only_the_requested_axis_wraps_around(vae):
    pixels = noise(1, 3, 64, 64)
    make_tileable(vae, "x")
    down = SHIFT["y"]
    found, wanted = vae.encode(moved(pixels, down)).latent_dist.mean, vae.encode(pixels).latent_dist.mean
    assert (found - moved(wanted, down, 8)).abs().max() > 1e-3


@torch.inference_mode()
def test_a_tiny_autoencoder_wraps_around_as_well():
    vae = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )
    make_tileable(vae, "both")
    pixels, shift = noise(1, 3, 64, 64), SHIFT["both"]
    wanted = moved(vae.encode(pixels).latents, shift, 8)
    assert torch.allclose(vae.encode(moved(pixels, shift)).latents, wanted, atol=1e-5)


@torch.inference_mode()
def test_a_tileable_unet_is_equivariant_to_shifts(checkpoint):
    unet = UNet2DConditionModel.from_pretrained(checkpoint / "unet", local_files_only=True)
    make_tileable(unet, "both")
    latents, text = noise(1, 4, 16, 16), noise(1, 8, unet.config.cross_attention_dim)
    width = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
    extra = {"text_embeds": noise(1, width), "time_ids": torch.zeros(1, 6)}

    def predicted(latents):
        return unet(latents, 500, encoder_hidden_states=text, added_cond_kwargs=extra).sample

    assert torch.allclose(predicted(moved(latents, (8, 8))), moved(predicted(latents), (8, 8)), atol=1e-4)


def seam(image):
    """Return the ratio of the change across an image's edges to the change inside."""
    pixels = image.astype(float)
    return abs(pixels[:, 0] - pixels[:, -1]).mean() / abs(pixels[:, 1:] - pixels[:, :-1]).mean()


def test_a_tileable_image_by_nano_has_no_seam():
    words = "studio photo of a red mug, sunset"  # a white background would have no seam anyway
    frame = Frame(0, 5, Prompt(words, next=words), painting=Painting(steps=6, guidance_scale=2.5))
    plain, tiled = (
        SDXLPainter(CheckpointSpec(str(nano.weights_folder()), tiling=tiling), 128, 128, {}).paint(
            frame, None
        )
        for tiling in ("none", "both")
    )
    assert seam(tiled) < 1.5
    assert seam(plain) > 3
